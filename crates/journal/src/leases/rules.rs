//! Who is in the way of whom, and who would wait for ever. Pure: rows in, rows out.
//!
//! ```text
//! in the way: who holds the name in a way that does not go with mine, and who asked for it so before me
//! stuck:      who is left when everybody who could go on has gone and given everything back
//! ```
//! Knows no database and no clock.

use super::{Claimant, LeaseKind, LeaseRow, LeaseWant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everything that is held, and what is waited for in order of the line.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) held: Vec<LeaseRow>,
    pub(super) waiting: Vec<LeaseRow>,
}

/// One claimant's view of one name: what is held of it, and what others asked for before.
#[derive(Clone, Copy)]
pub(super) struct Rivals<'r, 'a> {
    pub(super) held: &'r [&'a LeaseRow],
    pub(super) before: &'r [&'a LeaseRow],
}

pub(super) fn units_of(kind: LeaseKind) -> u64 {
    match kind {
        LeaseKind::Units { units, .. } => u64::from(units),
        LeaseKind::Shared | LeaseKind::Exclusive => 0,
    }
}

/// Those who stand in the way of one wanted lease; none if it can be had now. What the claimant itself has is in
/// nobody's way, but its units count.
pub(super) fn in_the_way<'a>(who: &Claimant, want: &LeaseWant, rivals: Rivals<'_, 'a>) -> Vec<&'a LeaseRow> {
    let all = rivals.held.iter().chain(rivals.before).copied();
    let others: Vec<&'a LeaseRow> = all.filter(|row| row.who != *who).collect();
    let LeaseKind::Units { units, capacity } = want.kind else {
        let clash = |row: &&LeaseRow| want.kind == LeaseKind::Exclusive || row.want.kind != LeaseKind::Shared;
        return others.into_iter().filter(clash).collect();
    };
    let own = rivals.held.iter().filter(|row| row.who == *who);
    let used: u64 = own.chain(&others).map(|row| units_of(row.want.kind)).sum();
    let full = used + u64::from(units) > u64::from(capacity);
    others.into_iter().filter(|row| full || units_of(row.want.kind) == 0).collect()
}

/// True if what the claimant has already of a name is as much as it wants now. Units are added, never the same.
pub(super) fn is_covered(want: &LeaseWant, own: &[LeaseRow]) -> bool {
    let has = |kind| own.iter().any(|row| row.want.name == want.name && row.want.kind == kind);
    match want.kind {
        LeaseKind::Exclusive => has(LeaseKind::Exclusive),
        LeaseKind::Shared => has(LeaseKind::Exclusive) || has(LeaseKind::Shared),
        LeaseKind::Units { .. } => false,
    }
}

impl Board {
    /// The claims of `who` that wait for any of `open`, by ticket, and for whom.
    fn waits(&self, who: &Claimant, open: &BTreeSet<&Claimant>) -> BTreeMap<u64, BTreeSet<&Claimant>> {
        let mut found: BTreeMap<u64, BTreeSet<&Claimant>> = BTreeMap::new();
        for mine in self.waiting.iter().filter(|row| row.who == *who) {
            let rival = |row: &&LeaseRow| row.want.name == mine.want.name && open.contains(&row.who);
            let held: Vec<&LeaseRow> = self.held.iter().filter(rival).collect();
            let before: Vec<&LeaseRow> =
                self.waiting.iter().filter(rival).filter(|row| row.ticket < mine.ticket).collect();
            let by = in_the_way(who, &mine.want, Rivals { held: &held, before: &before });
            if let Some(ticket) = mine.ticket.filter(|_| !by.is_empty()) {
                found.entry(ticket).or_default().extend(by.into_iter().map(|row| &row.who));
            }
        }
        found
    }

    /// Who waits and could not go on even if everybody else who can had gone on and given everything back.
    fn stuck(&self) -> BTreeSet<&Claimant> {
        let mut open: BTreeSet<&Claimant> = self.waiting.iter().map(|row| &row.who).collect();
        loop {
            let free: Vec<&Claimant> =
                open.iter().copied().filter(|who| self.waits(who, &open).is_empty()).collect();
            if free.is_empty() {
                return open;
            }
            open.retain(|who| !free.contains(who));
        }
    }

    /// A shortest way along which `me` waits for itself, if it would wait for ever; of each in it the claims that do.
    pub(super) fn circle(&self, me: &Claimant) -> Option<Vec<(Claimant, Vec<u64>)>> {
        let stuck = self.stuck();
        if !stuck.contains(me) {
            return None;
        }
        let mut from: BTreeMap<&Claimant, &Claimant> = BTreeMap::new();
        let mut open = VecDeque::from([stuck.get(me).copied()?]);
        while let Some(at) = open.pop_front() {
            for next in self.waits(at, &stuck).into_values().flatten() {
                if next == me {
                    let way = std::iter::successors(Some(at), |at| from.get(at).copied());
                    let mut way: Vec<&Claimant> = way.collect();
                    way.reverse();
                    let tickets = |who| self.waits(who, &stuck).into_keys().collect();
                    return Some(way.into_iter().map(|who| (who.clone(), tickets(who))).collect());
                }
                if next != me && !from.contains_key(next) {
                    from.insert(next, at);
                    open.push_back(next);
                }
            }
        }
        None
    }
}
