//! What a report of coverage says: lcov and Cobertura, each line and branch counted by us, once, whatever its sums say.
//!
//! Knows no gate.

use super::xml::{Step, attribute, walk};
use quick_xml::events::BytesStart;
use std::collections::BTreeMap;
use std::io::BufRead;

/// Percent of lines that must be covered where nobody says otherwise,
const LINES_PERCENT: u32 = 80;
/// and of branches (spec 10 "Gates").
const BRANCHES_PERCENT: u32 = 75;

/// What is kept of a report may take about so much memory, in bytes:
const MOST_BYTES: usize = 256 << 20;
/// a text about so much, without its letters,
const TEXT_BYTES: usize = 72;
/// a line,
const LINE_BYTES: usize = 40;
/// and what branches are told by.
const BRANCH_BYTES: usize = 64;

/// What is covered, by file and line.
#[derive(Debug)]
pub(super) struct Coverage {
    /// What may still be taken of the memory.
    left_bytes: usize,
    /// Texts that are told with many lines: names of files and of branches.
    texts: Numbers,
    /// Whether it ran, by the number of its file.
    lines: BTreeMap<(u32, u64), bool>,
    /// The branches of each, taken and all, by the number of what tells them apart.
    branches: BTreeMap<(u32, u64, u32), (u64, u64)>,
}

/// Texts by numbers, each kept once.
type Numbers = BTreeMap<String, u32>;

impl Coverage {
    /// Nothing yet, in so much memory.
    fn within(most_bytes: usize) -> Coverage {
        let (texts, lines, branches) = (Numbers::new(), BTreeMap::new(), BTreeMap::new());
        Coverage { left_bytes: most_bytes, texts, lines, branches }
    }

    /// Reads an lcov tracefile.
    ///
    /// # Errors
    /// A line of it is no such line; which. Or it takes too much memory.
    pub(super) fn of_lcov(reader: impl BufRead) -> Result<Coverage, String> {
        Coverage::of_lcov_within(reader, MOST_BYTES)
    }

    fn of_lcov_within(reader: impl BufRead, most_bytes: usize) -> Result<Coverage, String> {
        let mut found = Coverage::within(most_bytes);
        let mut file = found.number("")?;
        for (n, line) in reader.split(b'\n').enumerate() {
            let line = line.map_err(|error| error.to_string())?;
            // Names of files need not be UTF-8.
            let line = String::from_utf8_lossy(&line);
            let bad = || format!("line {} is none of a tracefile", n + 1);
            match line.trim().split_once(':') {
                Some(("SF", name)) => file = found.number(name)?,
                Some(("DA", rest)) => {
                    let mut words = rest.split(',');
                    let at = words.next().and_then(|at| at.parse().ok()).ok_or_else(bad)?;
                    let count: i128 = words.next().and_then(|count| count.parse().ok()).ok_or_else(bad)?;
                    found.line((file, at), count > 0)?;
                }
                Some(("BRDA", rest)) => {
                    // `LINE,[e]BLOCK,BRANCH,TAKEN`; a branch can be named by an expression, with commas of its own.
                    let (at, rest) = rest.split_once(',').ok_or_else(bad)?;
                    let (branch, taken) = rest.rsplit_once(',').ok_or_else(bad)?;
                    let at = at.parse().map_err(|_| bad())?;
                    let taken: i128 = if taken == "-" { 0 } else { taken.parse().map_err(|_| bad())? };
                    let which = found.number(branch)?;
                    found.branch((file, at, which), (u64::from(taken > 0), 1))?;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Reads a Cobertura report.
    ///
    /// # Errors
    /// It is no XML, or takes too much memory.
    pub(super) fn of_cobertura(reader: impl BufRead) -> Result<Coverage, String> {
        Coverage::of_cobertura_within(reader, MOST_BYTES)
    }

    fn of_cobertura_within(reader: impl BufRead, most_bytes: usize) -> Result<Coverage, String> {
        let mut found = Coverage::within(most_bytes);
        let mut file = found.number("")?;
        walk(reader, |step| match step {
            Step::Open(tag) => found.tag(tag, &mut file),
            Step::Close => Ok(()),
        })?;
        Ok(found)
    }

    fn tag(&mut self, tag: &BytesStart<'_>, file: &mut u32) -> Result<(), String> {
        let text = |name: &str| attribute(tag, name);
        match tag.local_name().as_ref() {
            b"class" => *file = self.number(&text("filename")?.unwrap_or_default())?,
            b"line" => {
                let number =
                    |name: &str| Ok::<_, String>(text(name)?.and_then(|n| n.trim().parse::<i128>().ok()));
                let (Some(at), Some(hits)) = (number("number")?, number("hits")?) else {
                    return Err("a line has no number or no hits".to_owned());
                };
                let at = u64::try_from(at).map_err(|_| format!("a line has the number {at}"))?;
                self.line((*file, at), hits > 0)?;
                // `50% (1/2)`
                let taken = text("condition-coverage")?.and_then(|told| {
                    let (taken, all) = told.split_once('(')?.1.strip_suffix(')')?.split_once('/')?;
                    Some((taken.parse().ok()?, all.parse().ok()?))
                });
                if let Some(taken) = taken {
                    self.branch((*file, at, 0), taken)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<(), String> {
        let more = || format!("to read it takes more than {} MiB of memory", MOST_BYTES >> 20);
        self.left_bytes = self.left_bytes.checked_sub(bytes).ok_or_else(more)?;
        Ok(())
    }

    /// The number of a text.
    fn number(&mut self, text: &str) -> Result<u32, String> {
        if let Some(number) = self.texts.get(text) {
            return Ok(*number);
        }
        self.take(TEXT_BYTES + text.len())?;
        // The memory holds fewer texts than there are numbers.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.insert(text.to_owned(), number);
        Ok(number)
    }

    /// A line that is told several times has run if it has run once.
    fn line(&mut self, place: (u32, u64), ran: bool) -> Result<(), String> {
        if !self.lines.contains_key(&place) {
            self.take(LINE_BYTES)?;
        }
        *self.lines.entry(place).or_default() |= ran;
        Ok(())
    }

    fn branch(&mut self, place: (u32, u64, u32), (taken, all): (u64, u64)) -> Result<(), String> {
        if !self.branches.contains_key(&place) {
            self.take(BRANCH_BYTES)?;
        }
        let told = self.branches.entry(place).or_default();
        *told = (told.0.max(taken.min(all)), told.1.max(all));
        Ok(())
    }

    /// Whether so much is covered; for people either way.
    ///
    /// # Errors
    /// It is not, or nothing was measured.
    pub(super) fn judge(&self, (lines, branches): (Option<u32>, Option<u32>)) -> Result<String, String> {
        let ran = self.lines.values().filter(|ran| **ran).count() as u128;
        let lines = part("lines", (ran, self.lines.len() as u128), lines.unwrap_or(LINES_PERCENT));
        // A report has fewer branches than would make this overflow, however many each tells of.
        let add = |(a, b), (taken, all): &(u64, u64)| (a + u128::from(*taken), b + u128::from(*all));
        let sum = self.branches.values().fold((0, 0), add);
        let branches = match (sum, branches) {
            // Many tools measure none; who asks for them by name wants them measured.
            ((_, 0), None) => Ok("no branches measured".to_owned()),
            (sum, wanted) => part("branches", sum, wanted.unwrap_or(BRANCHES_PERCENT)),
        };
        match (lines, branches) {
            (Ok(lines), Ok(branches)) => Ok(format!("{lines}, {branches}")),
            (Err(lines), Err(branches)) => Err(format!("{lines}; {branches}")),
            (Err(one), Ok(_)) | (Ok(_), Err(one)) => Err(one),
        }
    }
}

fn part(what: &str, (hit, all): (u128, u128), percent: u32) -> Result<String, String> {
    if all == 0 {
        return Err(format!("no {what} were measured"));
    }
    let told = format!("{hit} of {all} {what} covered");
    if hit.saturating_mul(100) >= all.saturating_mul(u128::from(percent)) {
        Ok(told)
    } else {
        Err(format!("{told}, less than {percent} %"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LCOV: &str = "TN:\nSF:a.rs\nDA:1,3\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nLF:2\nLH:2\nend_of_record\n\
                        TN:again\nSF:a.rs\nDA:2,1\nDA:3,1,sum\nend_of_record\nSF:b.rs\nDA:1,0\nend_of_record\n";

    #[test]
    fn every_line_and_branch_of_a_tracefile_counts_once_whatever_its_sums_say() {
        let judge = |bounds| Coverage::of_lcov(LCOV.as_bytes()).unwrap().judge(bounds);
        assert_eq!(judge((Some(75), Some(50))).unwrap(), "3 of 4 lines covered, 1 of 2 branches covered");
        let both = "3 of 4 lines covered, less than 80 %; 1 of 2 branches covered, less than 75 %";
        assert_eq!(judge((None, None)).unwrap_err(), both);
        let none = Coverage::of_lcov(&b""[..]).unwrap();
        assert_eq!(none.judge((None, None)).unwrap_err(), "no lines were measured");
        let lines = Coverage::of_lcov(&b"SF:a\nDA:1,1\n"[..]).unwrap();
        assert_eq!(lines.judge((None, None)).unwrap(), "1 of 1 lines covered, no branches measured");
        assert_eq!(lines.judge((None, Some(1))).unwrap_err(), "no branches were measured");
        assert_eq!(Coverage::of_lcov(&b"SF:a\nDA:x,1\n"[..]).unwrap_err(), "line 2 is none of a tracefile");
    }

    #[test]
    fn tracefiles_as_the_usual_tools_write_them_are_read() {
        let text = b"TN:\r\nSF:C:\\a\\b.rs\r\nFN:1,_R\r\nFNDA:1,_R\r\nDA:1,18446744073709551615\r\nDA:2,-1\r\nBRDA:1,e0,a, b > 1,3\r\n\
                     BRDA:1,0,1,0\r\nBRDA:1,0,2,-\r\nVER:1\r\nend_of_record\r\nSF:/caf\xe9.c\nDA:1,2,PF4Rz2r7RTliO9u6bZ7h6g\nend_of_record\n";
        let found = Coverage::of_lcov(&text[..]).unwrap().judge((Some(60), Some(30)));
        assert_eq!(found.unwrap(), "2 of 3 lines covered, 1 of 3 branches covered");
        assert_eq!(
            Coverage::of_lcov(&b"SF:a\nBRDA:1,0,0,x\n"[..]).unwrap_err(),
            "line 2 is none of a tracefile"
        );
    }

    #[test]
    fn cobertura_as_the_usual_tools_write_it_is_read() {
        let of = |text: &str, branches| {
            Coverage::of_cobertura(text.as_bytes()).unwrap().judge((Some(50), branches)).unwrap()
        };
        let python = "<?xml version=\"1.0\" ?>\n<coverage version=\"7.4\" lines-valid=\"3\" line-rate=\"0.6667\" complexity=\"0\">\n\
            <!-- Generated by coverage.py: https://coverage.readthedocs.io --><sources><source>/x</source></sources><packages>\
            <package name=\".\"><classes><class name=\"a.py\" filename=\"a.py\" complexity=\"0\"><methods/><lines><line number=\"1\" \
            hits=\"1\"/><line number=\"2\" hits=\"1\" branch=\"true\" condition-coverage=\"50% (1/2)\" missing-branches=\"exit\"/>\
            <line number=\"3\" hits=\"0\"/></lines></class></classes></package></packages></coverage>";
        assert_eq!(of(python, Some(50)), "2 of 3 lines covered, 1 of 2 branches covered");
        let gcovr = "<?xml version='1.0' encoding='UTF-8'?><!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>\
            <coverage><packages><package><classes><class name='a_c' filename='a.c'><methods/><lines><line number='1' hits='9999999999999999999999' \
            branch='true' condition-coverage='75% (3/4)'><conditions><condition number='0' type='jump' coverage='75%'/></conditions>\
            </line></lines></class></classes></package></packages></coverage>";
        assert_eq!(of(gcovr, None), "1 of 1 lines covered, 3 of 4 branches covered");
        let tarpaulin = "<coverage line-rate=\"0.5\"><sources><source>/x</source></sources><packages><package name=\"src\"><classes>\
            <class name=\"lib\" filename=\"src/lib.rs\"><methods/><lines><line number=\"1\" hits=\"1\"/><line number=\"2\" hits=\"0\"/>\
            </lines></class></classes></package></packages></coverage>";
        assert_eq!(of(tarpaulin, None), "1 of 2 lines covered, no branches measured");
    }

    #[test]
    fn a_line_of_a_cobertura_report_that_stands_at_its_method_too_counts_once() {
        let text = "<?xml version=\"1.0\"?><!DOCTYPE coverage SYSTEM \"x.dtd\"><coverage line-rate=\"1\"><packages><package><classes>
            <class name=\"A\" filename=\"a.py\"><methods><method name=\"f\"><lines><line number=\"1\" hits=\"2\"/></lines></method></methods>
            <lines><line number=\"1\" hits=\"2\" branch=\"true\" condition-coverage=\"50% (1/2)\"/><line number=\"2\" hits=\"0\"></line></lines></class>
            </classes></package></packages></coverage>";
        let found = Coverage::of_cobertura(text.as_bytes()).unwrap();
        assert_eq!(
            found.judge((Some(50), Some(50))).unwrap(),
            "1 of 2 lines covered, 1 of 2 branches covered"
        );
        assert!(Coverage::of_cobertura(&b"<coverage><class"[..]).is_err());
        assert_eq!(Coverage::of_cobertura(&b"<coverage>"[..]).unwrap_err(), "it ends too early");
        assert!(Coverage::of_cobertura(&b"<c><line number=\"1\"/></c>"[..]).is_err());
    }

    #[test]
    fn the_name_of_a_file_is_kept_once_however_many_lines_it_has() {
        let name = "f".repeat(10_000);
        let lines: String = (0..1_000).map(|n| format!("DA:{n},1\nBRDA:{n},0,0,1\n")).collect();
        let text = format!("SF:{name}\n{lines}end_of_record\nSF:{name}\n{lines}");
        let found = Coverage::of_lcov(text.as_bytes()).unwrap();
        assert!(found.texts.keys().map(String::len).sum::<usize>() < 20_000);
        assert_eq!(
            found.judge((None, None)).unwrap(),
            "1000 of 1000 lines covered, 1000 of 1000 branches covered"
        );
    }

    #[test]
    fn branches_are_added_up_however_many_each_line_tells_of() {
        let line = |n: u64, taken: u64| {
            format!("<line number=\"{n}\" hits=\"1\" condition-coverage=\"9% ({taken}/{})\"/>", u64::MAX)
        };
        let judge = |second: u64| {
            let text = format!("<coverage>{}{}</coverage>", line(1, u64::MAX), line(2, second));
            Coverage::of_cobertura(text.as_bytes()).unwrap().judge((None, Some(75)))
        };
        assert!(judge(u64::MAX).unwrap().contains("36893488147419103230 branches covered"));
        assert!(judge(0).unwrap_err().contains("less than 75 %"));
    }

    /// A report without an end: its beginning, then a part for each number.
    struct Endless<F>(Vec<u8>, u64, F);

    impl<F: Fn(u64) -> String> std::io::Read for Endless<F> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            while self.0.len() < to.len() {
                let part = (self.2)(self.1);
                (self.0, self.1) = ([self.0.as_slice(), part.as_bytes()].concat(), self.1 + 1);
            }
            to.copy_from_slice(&self.0.drain(..to.len()).collect::<Vec<u8>>());
            Ok(to.len())
        }
    }

    #[test]
    fn a_report_that_takes_too_much_memory_is_not_read_to_its_end() {
        let lcov: [fn(u64) -> String; 3] =
            [|n| format!("SF:file {n}\n"), |n| format!("DA:{n},1\n"), |n| format!("BRDA:1,0,branch {n},1\n")];
        for part in lcov {
            let report = std::io::BufReader::new(Endless(Vec::new(), 0, part));
            let why = Coverage::of_lcov_within(report, 1 << 20).unwrap_err();
            assert!(why.contains("256 MiB of memory"), "{why}");
        }
        let cobertura: [fn(u64) -> String; 2] = [
            |n| format!("<class filename=\"{n}\"/>"),
            |n| format!("<line number=\"{n}\" hits=\"1\" condition-coverage=\"50% (1/2)\"/>"),
        ];
        for part in cobertura {
            let report = std::io::BufReader::new(Endless(b"<coverage>".to_vec(), 0, part));
            let why = Coverage::of_cobertura_within(report, 1 << 20).unwrap_err();
            assert!(why.contains("256 MiB of memory"), "{why}");
        }
        // What is told again and again takes no more.
        let again = Endless(Vec::new(), 0, |_| "SF:a\nDA:1,1\nBRDA:1,0,0,1\n".to_owned());
        let report = std::io::BufReader::new(std::io::Read::take(again, 25 * 100_000));
        let found = Coverage::of_lcov_within(report, 1 << 10).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(found.lines.len(), 1);
    }
}
