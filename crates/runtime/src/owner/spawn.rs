//! Starts and reaps a leader: the one file with unsafe code, because no safe call offers vfork semantics
//! (a fork of a large process costs milliseconds). It does not know attempts, output limits or strays.
//!
//! ```text
//! owner's thread                          child (same memory, own stack, own descriptor table)
//!   Command, files, Shared prepared
//!   clone(VM|VFORK|PIDFD)  ── sleeps ──>  cgroup, group, parent-death signal, parent check, 0/1/2, signals, cwd
//!                                         execve: program after program of PATH
//!   reads Shared.step      <── wakes ───  exec done, or step and errno stored and _exit
//! ```
//! In the child only async-signal-safe calls are made: no allocation, no lock, no panic.
#![expect(unsafe_code, reason = "vfork semantics, signal dispositions and wait4 have no safe interface")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use super::cgroup::Cgroup;
use super::command::Command;
use super::message::{Status, Usage};

/// The child's stack. It makes a dozen system calls, one of which the loader may have to resolve first.
const STACK_BYTES: usize = 64 * 1024;
/// The highest signal number of Linux.
const LAST_SIGNAL: c_int = 64;
/// A child is born in the cgroup whose directory is given (Linux 5.7).
#[cfg(target_arch = "x86_64")]
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
/// A set of that many signals, as the kernel counts.
const SIGSET_BYTES: usize = 8;

/// More than any kernel's sigaction; its first word is the handler.
const KERNEL_SIGACTION_WORDS: usize = 8;

/// What was being done when a start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Clone = 1,
    Setup = 2,
    Directory = 3,
    Exec = 4,
}

/// Why there is no process.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) errno: i32,
}

/// A started leader.
pub(super) struct Spawned {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    /// It is in the cgroup it was given.
    pub(super) joined: bool,
}

/// What all starts share. Lives and dies on the owner's thread: the parent-death signal follows that thread.
pub(super) struct Spawner {
    stack: Box<[MaybeUninit<u8>]>,
    null: File,
    parent: libc::pid_t,
    files: libc::rlimit,
    /// Signals of this process that a program must not inherit as they are: ignored, or with a handler.
    altered: Vec<c_int>,
}

/// Everything the child reads, and the two words it answers with. Lives in the parent's frame.
struct Shared {
    programs: *const *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    cwd: *const c_char,
    standard: [c_int; 3],
    parent: libc::pid_t,
    files: *const libc::rlimit,
    altered: *const [c_int],
    /// The directory of a cgroup, or -1.
    cgroup: c_int,
    /// 1 once it has joined.
    joined: AtomicI32,
    step: AtomicI32,
    errno: AtomicI32,
}

impl Spawner {
    /// Prepares the thread it is called on and the process: all signals blocked here, exits not discarded,
    /// and room for many descriptors (children get the limit back as it was).
    pub(super) fn new(open_files: Option<u64>) -> io::Result<Spawner> {
        block_signals();
        keep_exits();
        let maximum = getrlimit(Resource::Nofile).maximum;
        let before = raise_open_files();
        let limit = Rlimit { current: open_files.or(before), maximum };
        let number = |bound: Option<u64>| bound.unwrap_or(libc::RLIM_INFINITY);
        Ok(Spawner {
            stack: vec![MaybeUninit::uninit(); STACK_BYTES].into_boxed_slice(),
            null: File::open("/dev/null")?,
            parent: rustix::process::getpid().as_raw_nonzero().get(),
            files: libc::rlimit { rlim_cur: number(limit.current), rlim_max: number(limit.maximum) },
            altered: altered_signals(),
        })
    }

    /// Starts a leader in its own group and returns once it has executed its program. The caller closes `out` and
    /// `err` before it takes hold of the leader, which needs a descriptor and must not fail when the program works.
    pub(super) fn spawn(
        &mut self,
        command: &Command,
        (out, err): (&File, &File),
        cgroup: Option<&Cgroup>,
    ) -> Result<Spawned, Failure> {
        let (programs, argv, envp) =
            (pointers(&command.programs), pointers(&command.argv), pointers(&command.envp));
        let mut shared = Shared {
            programs: programs.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            cwd: command.cwd.as_ptr(),
            standard: [self.null.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()],
            parent: self.parent,
            files: &raw const self.files,
            altered: &raw const *self.altered,
            cgroup: cgroup.map_or(-1, |cgroup| cgroup.directory.as_raw_fd()),
            joined: AtomicI32::new(0),
            step: AtomicI32::new(0),
            errno: AtomicI32::new(0),
        };
        if shared.standard.iter().any(|fd| *fd < 3) {
            return Err(Failure { step: Step::Setup, errno: libc::EBADF });
        }
        let mut spawned = match self.clone_into_cgroup(&mut shared) {
            Some(spawned) => spawned,
            None => self.clone(&mut shared)?,
        };
        spawned.joined = shared.joined.load(Ordering::Acquire) == 1;
        let step = match shared.step.load(Ordering::Acquire) {
            0 => return Ok(spawned),
            step if step == Step::Directory as i32 => Step::Directory,
            step if step == Step::Exec as i32 => Step::Exec,
            _ => Step::Setup,
        };
        // The child has called _exit: nobody else can reap it, and the wait is over at once.
        let _ = reap(spawned.pid, Wait::Block);
        Err(Failure { step, errno: shared.errno.load(Ordering::Acquire) })
    }

    /// A child that is born in its cgroup. `None`: there is no cgroup, or this way to it is not permitted or not known
    /// (Linux before 5.7, a filter of system calls, another kind of machine).
    #[cfg(target_arch = "x86_64")]
    fn clone_into_cgroup(&mut self, shared: &mut Shared) -> Option<Spawned> {
        let cgroup = u64::try_from(shared.cgroup).ok()?;
        let mut pidfd: c_int = -1;
        let bottom = self.stack.as_mut_ptr().expose_provenance().next_multiple_of(16);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
        let args = CloneArgs {
            flags: u64::from(flags.cast_unsigned()) | CLONE_INTO_CGROUP,
            pidfd: (&raw mut pidfd).expose_provenance() as u64,
            exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
            stack: bottom as u64,
            stack_size: (STACK_BYTES - 16) as u64,
            cgroup,
            ..CloneArgs::default()
        };
        shared.joined.store(1, Ordering::Release);
        // SAFETY: as in `clone`; the stack lies, aligned, inside of the one that is exclusively borrowed.
        let pid = unsafe { clone3(&args, (&raw mut *shared).cast()) };
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
        if pid.is_none() {
            shared.joined.store(0, Ordering::Release);
        }
        // SAFETY: as in `clone`.
        pid.map(|pid| Spawned { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) }, joined: true })
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn clone_into_cgroup(&mut self, _: &mut Shared) -> Option<Spawned> {
        None
    }

    fn clone(&mut self, shared: &mut Shared) -> Result<Spawned, Failure> {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut pidfd: c_int = -1;
        // SAFETY: the one-past-the-end pointer of the stack is a valid, exclusively borrowed top; aligned down below.
        let top = unsafe { self.stack.as_mut_ptr().add(STACK_BYTES) };
        let top = top.map_addr(|address| address & !15).cast::<c_void>();
        // SAFETY: CLONE_VFORK suspends this thread until the child has executed or ended, so `shared`, everything it
        // points to and the stack outlive the child's use of them; `child` never returns and makes only
        // async-signal-safe calls; this thread blocks all signals, so no handler runs in the shared memory.
        let pid = unsafe { libc::clone(child, top, flags, (&raw mut *shared).cast(), &raw mut pidfd) };
        // The errno of a failed clone, before anything else is called.
        let failure = Failure { step: Step::Clone, errno: last_errno() };
        let pid = if pid > 0 { Pid::from_raw(pid) } else { None };
        let pid = pid.ok_or(failure)?;
        // SAFETY: with CLONE_PIDFD a successful clone has stored a fresh descriptor that nobody else owns.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Ok(Spawned { pid, pidfd, joined: false })
    }
}

/// Lets this process have as many files open as the system permits; answers how many it was before, `None` for no
/// bound. Best effort: where it is refused fewer attempts fit, and each that does not fit is reported.
pub fn raise_open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }); // as above
    }
    current
}

/// Whether [`reap`] may sleep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Block,
    Look,
}

/// Takes the exit of one child of ours, by its number. `None`: it still lives. An error: it is not our child.
pub(super) fn reap(pid: Pid, wait: Wait) -> io::Result<Option<(Status, Usage)>> {
    let flags = libc::__WALL | if wait == Wait::Look { libc::WNOHANG } else { 0 };
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are valid for writes for the whole call.
    let found =
        unsafe { libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, flags, usage.as_mut_ptr()) };
    if found < 0 {
        return Err(io::Error::last_os_error());
    }
    if found == 0 {
        return Ok(None);
    }
    // SAFETY: plain numbers, zeroed above and filled by a successful wait4.
    let usage = unsafe { usage.assume_init() };
    let micros = |t: libc::timeval| {
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_usec).unwrap_or(0)
    };
    let usage = Usage {
        user_us: micros(usage.ru_utime),
        system_us: micros(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    };
    let status = if libc::WIFSIGNALED(status) {
        Status::Signal(libc::WTERMSIG(status))
    } else {
        Status::Code(libc::WEXITSTATUS(status))
    };
    Ok(Some((status, usage)))
}

/// Whether no other opening of this file exists in the whole system: else the kernel refuses a write lease.
pub(super) fn held_by_us_alone(file: &File) -> bool {
    let lease = |kind: c_int| {
        // SAFETY: a system call on a descriptor that is open as long as `file` is borrowed.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) == 0 }
    };
    lease(libc::F_WRLCK) && lease(libc::F_UNLCK)
}

/// No handler may run on the owner's thread: not here, and not in a child that shares this memory.
fn block_signals() {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set before it is read; a null old set is allowed.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), ptr::null_mut());
    }
}

/// With SIGCHLD ignored (inherited from whoever started us) the kernel would discard exits before we see them.
fn keep_exits() {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a query with a valid out pointer; then the default action, which is a zeroed struct.
    unsafe {
        libc::sigaction(libc::SIGCHLD, ptr::null(), now.as_mut_ptr());
        if now.assume_init().sa_sigaction == libc::SIG_IGN {
            libc::sigaction(libc::SIGCHLD, MaybeUninit::zeroed().as_ptr(), ptr::null_mut());
        }
    }
}

/// The signals whose action is not the default one, looked up once: 64 calls in each child were a tenth of a start.
/// Nobody in this process installs a handler later. The bare call: the library's hides two signals, which its own
/// posix_spawn hands to programs ignored.
fn altered_signals() -> Vec<c_int> {
    let acts = |signal: &c_int| {
        let mut action = [0_u64; KERNEL_SIGACTION_WORDS];
        // SAFETY: a query that writes one kernel sigaction, which fits into `action`.
        let asked = unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                *signal,
                ptr::null::<c_void>(),
                action.as_mut_ptr(),
                SIGSET_BYTES,
            )
        };
        // A signal that cannot be asked about is reset all the same.
        asked != 0 || action[0] != libc::SIG_DFL as u64
    };
    (1..=LAST_SIGNAL).filter(acts).collect()
}

/// A null-terminated array of C strings, valid as long as `strings` is.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// The calling thread's errno; reads a thread-local, allocates nothing.
fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The kernel's `clone_args`, as far as Linux 5.7 knows it.
#[cfg(target_arch = "x86_64")]
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// The system call, for which the library has no function: `child` runs on the stack that `args` names. Answers the
/// number of the child, or an error number below zero.
///
/// # Safety
/// `shared` is a [`Shared`], and it and the stack outlive the child's use of them.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(args: &CloneArgs, shared: *mut c_void) -> i64 {
    let answer: i64;
    // SAFETY: in the child the call returns 0 on an empty stack, where nothing of this frame may be touched: what it
    // needs is in registers, and `child` never returns. The parent sees an ordinary call of the kernel.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => answer,
            in("rdi") args,
            in("rsi") size_of::<CloneArgs>(),
            in("r12") shared,
            in("r13") child as extern "C" fn(*mut c_void) -> c_int,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

/// The child from clone to exec.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: the parent passes its `Shared` and sleeps until this function has ended in exec or _exit.
    let shared = unsafe { &*shared.cast::<Shared>() };
    let step = set_up(shared).err().unwrap_or_else(|| execute(shared));
    let errno = last_errno();
    shared.errno.store(if errno == 0 { libc::EIO } else { errno }, Ordering::Release);
    shared.step.store(step as i32, Ordering::Release);
    // SAFETY: ends this process only; runs no exit handlers of the shared memory.
    unsafe { libc::_exit(127) }
}

/// Cgroup, group, parent-death signal, descriptors, limits, signals, directory.
fn set_up(shared: &Shared) -> Result<(), Step> {
    let check = |result: c_int, step: Step| if result < 0 { Err(step) } else { Ok(()) };
    let default = [0_u64; KERNEL_SIGACTION_WORDS]; // all zero is the default action
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    let [stdin, stdout, stderr] = shared.standard;
    // SAFETY: system calls on numbers and on pointers that the suspended parent keeps valid; none allocates or locks.
    // The descriptor table and the signal actions are this child's own copies.
    unsafe {
        // First of all, so that nobody is ever born outside.
        if shared.cgroup >= 0 && shared.joined.load(Ordering::Acquire) == 0 && join(shared.cgroup) {
            shared.joined.store(1, Ordering::Release);
        }
        check(libc::setpgid(0, 0), Step::Setup)?;
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL), Step::Setup)?;
        if libc::getppid() != shared.parent {
            libc::_exit(127); // the owner died before the signal was armed
        }
        check(libc::dup2(stdin, 0), Step::Setup)?;
        check(libc::dup2(stdout, 1), Step::Setup)?;
        check(libc::dup2(stderr, 2), Step::Setup)?;
        // Descriptors that we inherited ourselves go no further. Older kernels lack the call: ours are close-on-exec.
        libc::syscall(libc::SYS_close_range, 3, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC);
        check(libc::setrlimit(libc::RLIMIT_NOFILE, shared.files), Step::Setup)?;
        // Ignored signals would stay ignored after exec (Rust ignores SIGPIPE), and no handler of ours may run here.
        for signal in &*shared.altered {
            libc::syscall(
                libc::SYS_rt_sigaction,
                *signal,
                default.as_ptr(),
                ptr::null_mut::<c_void>(),
                SIGSET_BYTES,
            );
        }
        libc::sigemptyset(none.as_mut_ptr());
        check(libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut()), Step::Setup)?;
        check(libc::chdir(shared.cwd), Step::Directory)
    }
}

/// Moves the calling process into a cgroup; dearer than to be born there.
fn join(directory: c_int) -> bool {
    let flags = libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: system calls on numbers and constants, fit for the child. `0` is whoever writes it; exec closes the file.
    unsafe {
        let procs = libc::openat(directory, c"cgroup.procs".as_ptr(), flags);
        procs >= 0 && libc::write(procs, c"0".as_ptr().cast(), 1) == 1
    }
}

/// Tries each program of the list, like execvp without its fall-back to a shell. Returns only if none runs.
fn execute(shared: &Shared) -> Step {
    let mut refused = false;
    let mut next = shared.programs;
    // SAFETY: a null-terminated array of C strings that the suspended parent keeps valid; errno is this thread's word.
    unsafe {
        while !(*next).is_null() {
            libc::execve(*next, shared.argv, shared.envp);
            match last_errno() {
                libc::EACCES => refused = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return Step::Exec,
            }
            next = next.add(1);
        }
        *libc::__errno_location() = if refused { libc::EACCES } else { libc::ENOENT };
    }
    Step::Exec
}
