//! Reads licence expressions and says whether one way through them is allowed.
//!
//! It knows `OR`, `AND`, `WITH`, brackets and the old `/`; which names are allowed is the caller's business.

/// Whether the expression can be met with allowed names alone; one that does not parse cannot.
pub(crate) fn allows(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut reader = Reader { tokens: spaced.split_whitespace().collect(), at: 0, allowed };
    reader.either() == Some(true) && reader.at == reader.tokens.len()
}

struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    allowed: &'a [&'a str],
}

impl Reader<'_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Option<bool> {
        let mut good = self.both()?;
        while self.take("OR") {
            good |= self.both()?;
        }
        Some(good)
    }

    fn both(&mut self) -> Option<bool> {
        let mut good = self.term()?;
        while self.take("AND") {
            good &= self.term()?;
        }
        Some(good)
    }

    fn term(&mut self) -> Option<bool> {
        if self.take("(") {
            let good = self.either()?;
            return self.take(")").then_some(good);
        }
        let name = *self.tokens.get(self.at)?;
        self.at += 1;
        // An exception is part of the name: it is allowed only if listed with it.
        if self.take("WITH") {
            self.at += 1;
            return Some(false);
        }
        Some(self.allowed.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allowed_way_is_enough() {
        let passes = |expression| allows(expression, &["MIT", "Zlib", "Unicode-3.0"]);
        for good in
            ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR GPL-2.0) AND Unicode-3.0", "MIT AND Zlib"]
        {
            assert!(passes(good), "{good}");
        }
        let bad =
            ["GPL-3.0", "MIT AND GPL-3.0", "MIT WITH X", "", "MIT OR", "(MIT", "MIT Zlib", "X WITH Y OR Z"];
        for bad in bad {
            assert!(!passes(bad), "{bad}");
        }
        assert!(passes("X WITH Y OR MIT"));
    }
}
