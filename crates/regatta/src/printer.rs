//! Standard output on a thread of its own, for whoever must not wait: a terminal can be stopped, a reader can sleep.
//! What is not taken is kept, up to a bound; lines beyond it are left out, and that is said. It does not know runs.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// So much waits for a reader at most.
const MOST_BYTES: usize = 8 << 20;

/// Takes text; answers whether more is welcome.
pub type Write = Box<dyn FnMut(&str) -> bool + Send>;

/// The thread. Dropping it waits until everything is taken, or nobody is left to take it.
#[derive(Debug)]
pub struct Printer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    text: String,
    lines_left_out: u64,
    /// Nothing more will come.
    closed: bool,
    /// Nobody takes anything any more.
    deaf: bool,
}

impl Printer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refused one.
    pub fn start(write: Write) -> io::Result<Printer> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("printer".to_owned());
        let thread = Some(thread.spawn(move || theirs.print(write))?);
        Ok(Printer { shared, thread })
    }

    /// Hands over whole lines. Never waits for a reader.
    pub fn say(&self, lines: &str) {
        let mut queue = self.shared.lock();
        if queue.deaf {
            return;
        }
        if queue.text.len() + lines.len() > MOST_BYTES || queue.lines_left_out > 0 {
            queue.lines_left_out += lines.lines().count() as u64;
        } else {
            queue.text.push_str(lines);
        }
        self.shared.changed.notify_one();
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed there.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Whoever panicked has left whole lines behind.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, mut write: Write) {
        while let Some((text, lines_left_out)) = self.next() {
            let note = match lines_left_out {
                0 => String::new(),
                n => format!("… {} left out: nobody read them\n", crate::render::count(n, "line")),
            };
            if !write(&text) || (!note.is_empty() && !write(&note)) {
                let mut queue = self.lock();
                (queue.deaf, queue.text) = (true, String::new());
                return;
            }
        }
    }

    /// All that waits, as soon as something does; none at the end.
    fn next(&self) -> Option<(String, u64)> {
        let mut queue = self.lock();
        while queue.text.is_empty() && queue.lines_left_out == 0 {
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        Some((std::mem::take(&mut queue.text), std::mem::take(&mut queue.lines_left_out)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A printer whose reader takes one text at each word, and what it took.
    fn slow() -> (Printer, std::sync::mpsc::Sender<bool>, Arc<Mutex<String>>) {
        let (go, wait) = channel::<bool>();
        let taken = Arc::<Mutex<String>>::default();
        let theirs = Arc::clone(&taken);
        let write = move |text: &str| {
            let more = wait.recv().unwrap_or(true);
            theirs.lock().unwrap().push_str(text);
            more
        };
        (Printer::start(Box::new(write)).unwrap(), go, taken)
    }

    #[test]
    fn what_is_said_is_taken_in_order_and_to_the_end() {
        let (printer, go, taken) = slow();
        let lines: Vec<String> = (0..1_000).map(|n| format!("line {n}\n")).collect();
        lines.iter().for_each(|line| printer.say(line));
        drop(go);
        drop(printer);
        assert_eq!(*taken.lock().unwrap(), lines.concat());
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_left_out_is_counted() {
        let (printer, go, taken) = slow();
        let line = format!("{}\n", "x".repeat((1 << 20) - 1));
        (0..40).for_each(|_| printer.say(&line));
        drop(go);
        drop(printer);
        let taken = taken.lock().unwrap();
        let whole = taken.lines().filter(|taken| taken.len() == line.len() - 1).count();
        // One text may have been on its way already.
        assert!((8..=17).contains(&whole), "{whole}");
        // Said wherever something is missing.
        let notes = taken
            .lines()
            .filter_map(|line| line.strip_prefix("… ")?.strip_suffix(" left out: nobody read them"));
        let left_out: usize = notes.map(|n| n.split(' ').next().unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(whole + left_out, 40);
    }

    #[test]
    fn a_reader_that_went_away_hinders_nobody() {
        let (printer, go, taken) = slow();
        printer.say("one\n");
        go.send(false).unwrap();
        (0..10).for_each(|_| printer.say("two\n"));
        drop(printer);
        assert!(taken.lock().unwrap().starts_with("one\n"));
    }
}
