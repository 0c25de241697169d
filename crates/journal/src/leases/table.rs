//! The rules of leases, inside one transaction: who is in the way of whom, and whether waiting could end.
//!
//! Canonical order is by name. Knows no clock.

use super::{Claim, Claimant, Claimed, LeaseKind, LeaseRow, LeaseWant, Refusal};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::{BTreeMap, BTreeSet};

const HELD: &str = "SELECT run, task, name, kind, units, capacity, since, priority, own, epoch FROM held";
const WAITING: &str =
    "SELECT run, task, name, kind, units, capacity, since, priority, own, ticket FROM waiting";

fn row(row: &Row<'_>, held: bool) -> rusqlite::Result<LeaseRow> {
    let number = |i| row.get::<_, i64>(i).map(i64::cast_unsigned);
    let (units, capacity): (u32, u32) = (row.get(4)?, row.get(5)?);
    let kind = match row.get::<_, String>(3)?.as_str() {
        "shared" => LeaseKind::Shared,
        "units" => LeaseKind::Units { units, capacity },
        _ => LeaseKind::Exclusive,
    };
    let last = number(9)?;
    Ok(LeaseRow {
        who: Claimant { run: row.get(0)?, task: row.get(1)? },
        want: LeaseWant { name: row.get(2)?, kind },
        epoch: held.then_some(last),
        ticket: (!held).then_some(last),
        since_wall_ms: number(6)?,
        priority: row.get(7)?,
        by_attempt: row.get(8)?,
    })
}

fn rows(conn: &Connection, (sql, held): (&str, bool), name: Option<&str>) -> rusqlite::Result<Vec<LeaseRow>> {
    let read = |r: &Row<'_>| row(r, held);
    match name {
        Some(name) => {
            let mut statement =
                conn.prepare_cached(&format!("{sql} WHERE name=?1 ORDER BY 10, run, task"))?;
            statement.query_map([name], read)?.collect()
        }
        None => {
            let mut statement = conn.prepare_cached(&format!("{sql} ORDER BY 10, run, task, name"))?;
            statement.query_map([], read)?.collect()
        }
    }
}

pub(super) fn held(conn: &Connection) -> rusqlite::Result<Vec<LeaseRow>> {
    rows(conn, (HELD, true), None)
}

pub(super) fn waiting(conn: &Connection) -> rusqlite::Result<Vec<LeaseRow>> {
    rows(conn, (WAITING, false), None)
}

/// True if `want` has no room beside what others hold of the same name.
fn is_taken(want: &LeaseWant, others: &[LeaseRow]) -> bool {
    let units: u64 = others.iter().map(|o| units_of(o.want.kind)).sum();
    let exclusive = others.iter().any(|o| o.want.kind == LeaseKind::Exclusive);
    let shared = others.iter().any(|o| o.want.kind == LeaseKind::Shared);
    match want.kind {
        LeaseKind::Exclusive => !others.is_empty(),
        LeaseKind::Shared => exclusive || units > 0,
        LeaseKind::Units { units: wanted, capacity } => {
            exclusive || shared || units + u64::from(wanted) > u64::from(capacity)
        }
    }
}

fn units_of(kind: LeaseKind) -> u64 {
    match kind {
        LeaseKind::Units { units, .. } => u64::from(units),
        LeaseKind::Shared | LeaseKind::Exclusive => 0,
    }
}

/// Who stands in the way of one wanted lease: those who hold it, and those before it in the line who want it in a way
/// that does not go with it.
fn blockers(
    conn: &Connection,
    who: &Claimant,
    want: &LeaseWant,
    ticket: u64,
) -> rusqlite::Result<Vec<LeaseRow>> {
    let mut held = rows(conn, (HELD, true), Some(&want.name))?;
    // What it has itself is not in its way, but its units count.
    held.retain(|row| row.who != *who || units_of(row.want.kind) > 0 && units_of(want.kind) > 0);
    let mut found = if is_taken(want, &held) { held.clone() } else { Vec::new() };
    for row in rows(conn, (WAITING, false), Some(&want.name))? {
        let before = row.who != *who && row.ticket.is_some_and(|t| t < ticket);
        if before && is_taken(want, &with(&held, &row)) {
            found.push(row);
        }
    }
    Ok(found)
}

fn with(held: &[LeaseRow], row: &LeaseRow) -> Vec<LeaseRow> {
    let compatible =
        |kind: LeaseKind| matches!((kind, row.want.kind), (LeaseKind::Shared, LeaseKind::Shared));
    let mut all: Vec<LeaseRow> =
        held.iter().filter(|h| compatible(h.want.kind) || units_of(h.want.kind) > 0).cloned().collect();
    all.push(row.clone());
    all
}

pub(super) fn claim(conn: &Connection, claim: &Claim) -> rusqlite::Result<(Claimed, Vec<String>)> {
    if let Some(circle) = claim.ticket.map(|ticket| denied(conn, ticket)).transpose()?.flatten() {
        return Ok((Claimed::Refused(Refusal::Endless(circle)), Vec::new()));
    }
    // A task that is to start has no live attempt, so what it still holds is that of a dead one.
    let (mut poke, mut ticket) = (Vec::new(), claim.ticket);
    if !claim.by_attempt {
        poke = take_back_if(conn, |row| row.who == claim.who && row.epoch.is_some())?;
        ticket = ticket_of(conn, &claim.who)?;
    }
    let wants: BTreeSet<&LeaseWant> = claim.wants.iter().collect();
    for want in &wants {
        if let Some(refusal) = never(conn, &claim.who, want)? {
            return Ok((Claimed::Refused(refusal), poke));
        }
    }
    let mut in_the_way: Vec<LeaseRow> = Vec::new();
    for want in &wants {
        in_the_way.extend(blockers(conn, &claim.who, want, ticket.unwrap_or(u64::MAX))?);
    }
    if in_the_way.is_empty() {
        ticket.map(|ticket| leave_line(conn, ticket)).transpose()?;
        return Ok((Claimed::Granted(grant(conn, claim, &wants)?), poke));
    }
    let ticket = match ticket {
        Some(ticket) if stands(conn, ticket)? => ticket,
        _ => stand_in_line(conn, claim, &wants)?,
    };
    break_circles(conn, (&claim.who, ticket), (in_the_way, poke))
}

/// Why a claim could never be granted, whatever others do.
fn never(conn: &Connection, who: &Claimant, want: &LeaseWant) -> rusqlite::Result<Option<Refusal>> {
    let LeaseKind::Units { units, capacity } = want.kind else { return Ok(None) };
    let name = &want.name;
    if units > capacity {
        return Ok(Some(Refusal::Unfit(format!("`{name}` has {capacity} units, not {units}"))));
    }
    let own = rows(conn, (HELD, true), Some(name))?.into_iter().filter(|row| row.who == *who);
    let own: u64 = own.map(|row| units_of(row.want.kind)).sum();
    let itself = || format!("the task itself has {own} of the {capacity} units of `{name}`");
    Ok((own + u64::from(units) > u64::from(capacity)).then(|| Refusal::Endless(itself())))
}

/// Waiting must come to an end: as long as the claimant waits for itself, somebody in the circle steps back.
fn break_circles(
    conn: &Connection,
    (me, ticket): (&Claimant, u64),
    (by, mut poke): (Vec<LeaseRow>, Vec<String>),
) -> rusqlite::Result<(Claimed, Vec<String>)> {
    while let Some(circle) = cycle(conn, me)? {
        let waiting = waiting(conn)?;
        let row_of = |who: &Claimant| waiting.iter().find(|row| row.who == *who);
        // What has not started holds nothing: nobody waits for it once it has given up its place in the line.
        if let Some(idle) = circle.iter().filter_map(row_of).find(|row| !row.by_attempt) {
            give_up_place(conn, &idle.who)?;
            continue;
        }
        let text = in_words(&circle);
        let Some(victim) = circle.iter().filter_map(row_of).max_by_key(|row| rank(row)) else { break };
        let tickets: BTreeSet<u64> =
            waiting.iter().filter(|row| row.who == victim.who).filter_map(|row| row.ticket).collect();
        for refused in tickets {
            leave_line(conn, refused)?;
            deny(conn, (&victim.who, refused), &text)?;
        }
        poke.push(victim.who.run.clone());
    }
    match denied(conn, ticket)? {
        Some(circle) => Ok((Claimed::Refused(Refusal::Endless(circle)), poke)),
        None => Ok((Claimed::Waits { ticket, by }, poke)),
    }
}

/// Who is refused in a circle: the lowest priority, then the highest key.
fn rank(row: &LeaseRow) -> (&str, &str, &str) {
    (&row.priority, &row.who.task, &row.who.run)
}

fn in_words(circle: &[Claimant]) -> String {
    let names: Vec<String> = circle.iter().map(|who| format!("`{}` of run {}", who.task, who.run)).collect();
    names.join(" waits for ")
}

fn leave_line(conn: &Connection, ticket: u64) -> rusqlite::Result<()> {
    let ticket = ticket.cast_signed();
    conn.prepare_cached("DELETE FROM waiting WHERE ticket=?1")?.execute([ticket]).map(|_| ())
}

/// To the end of the line.
fn give_up_place(conn: &Connection, who: &Claimant) -> rusqlite::Result<()> {
    let ticket = next(conn, "ticket")?.cast_signed();
    let sql = "UPDATE waiting SET ticket=?3 WHERE run=?1 AND task=?2 AND own=0";
    conn.execute(sql, params![who.run, who.task, ticket]).map(|_| ())
}

/// Leaves word for a claim that it is refused.
fn deny(conn: &Connection, (who, ticket): (&Claimant, u64), circle: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO denied VALUES(?1,?2,?3,?4)";
    conn.execute(sql, params![ticket.cast_signed(), who.run, who.task, circle]).map(|_| ())
}

/// The circle for which a claim was refused, told once.
fn denied(conn: &Connection, ticket: u64) -> rusqlite::Result<Option<String>> {
    let sql = "DELETE FROM denied WHERE ticket=?1 RETURNING circle";
    conn.prepare_cached(sql)?.query_row([ticket.cast_signed()], |row| row.get(0)).optional()
}

/// Where a task that is to start stands in the line.
fn ticket_of(conn: &Connection, who: &Claimant) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT min(ticket) FROM waiting WHERE run=?1 AND task=?2 AND own=0";
    let ticket: Option<i64> =
        conn.prepare_cached(sql)?.query_row(params![who.run, who.task], |r| r.get(0))?;
    Ok(ticket.map(i64::cast_unsigned))
}

fn stands(conn: &Connection, ticket: u64) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS(SELECT 1 FROM waiting WHERE ticket=?1)";
    conn.prepare_cached(sql)?.query_row([ticket.cast_signed()], |row| row.get(0))
}

fn next(conn: &Connection, column: &str) -> rusqlite::Result<u64> {
    let sql = format!("UPDATE meta SET {column}={column}+1 RETURNING {column}");
    conn.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

fn grant(conn: &Connection, claim: &Claim, wants: &BTreeSet<&LeaseWant>) -> rusqlite::Result<u64> {
    let epoch = next(conn, "epoch")?;
    let who = &claim.who;
    let mut own = rows(conn, (HELD, true), None)?;
    own.retain(|row| row.who == *who);
    let missing = wants.iter().copied().filter(|want| !is_covered(want, &own)).collect();
    insert(
        conn,
        ("INSERT INTO held(run, task, name, kind, units, capacity, epoch, since, priority, own)", epoch),
        claim,
        &missing,
    )?;
    Ok(epoch)
}

/// True if what the claimant has already of a name is as much as it wants now. Units are added, never the same.
fn is_covered(want: &LeaseWant, own: &[LeaseRow]) -> bool {
    let has = |kind| own.iter().any(|row| row.want.name == want.name && row.want.kind == kind);
    match want.kind {
        LeaseKind::Exclusive => has(LeaseKind::Exclusive),
        LeaseKind::Shared => has(LeaseKind::Exclusive) || has(LeaseKind::Shared),
        LeaseKind::Units { .. } => false,
    }
}

fn stand_in_line(conn: &Connection, claim: &Claim, wants: &BTreeSet<&LeaseWant>) -> rusqlite::Result<u64> {
    let ticket = next(conn, "ticket")?;
    insert(
        conn,
        ("INSERT INTO waiting(run, task, name, kind, units, capacity, ticket, since, priority, own)", ticket),
        claim,
        wants,
    )?;
    Ok(ticket)
}

fn insert(
    conn: &Connection,
    (into, number): (&str, u64),
    claim: &Claim,
    wants: &BTreeSet<&LeaseWant>,
) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(&format!("{into} VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"))?;
    for want in wants {
        let (kind, units, capacity) = match want.kind {
            LeaseKind::Shared => ("shared", 0, 0),
            LeaseKind::Exclusive => ("exclusive", 0, 0),
            LeaseKind::Units { units, capacity } => ("units", units, capacity),
        };
        insert.execute(params![
            claim.who.run,
            claim.who.task,
            want.name,
            kind,
            units,
            capacity,
            number.cast_signed(),
            claim.wall_ms.cast_signed(),
            claim.priority,
            claim.by_attempt
        ])?;
    }
    Ok(())
}

/// The way along which `who` waits for itself, if there is one.
fn cycle(conn: &Connection, who: &Claimant) -> rusqlite::Result<Option<Vec<Claimant>>> {
    let mut waits_for: BTreeMap<Claimant, BTreeSet<Claimant>> = BTreeMap::new();
    for row in waiting(conn)? {
        let found = blockers(conn, &row.who, &row.want, row.ticket.unwrap_or(u64::MAX))?;
        waits_for.entry(row.who).or_default().extend(found.into_iter().map(|b| b.who));
    }
    let mut from: BTreeMap<Claimant, Claimant> = BTreeMap::new();
    let mut open = vec![who.clone()];
    while let Some(at) = open.pop() {
        for next in waits_for.get(&at).into_iter().flatten() {
            if next == who {
                return Ok(Some(way_back(&from, who, at)));
            }
            if !from.contains_key(next) {
                from.insert(next.clone(), at.clone());
                open.push(next.clone());
            }
        }
    }
    Ok(None)
}

fn way_back(from: &BTreeMap<Claimant, Claimant>, who: &Claimant, last: Claimant) -> Vec<Claimant> {
    let mut way = vec![who.clone(), last];
    while let Some(before) = way.last().filter(|at| *at != who).and_then(|at| from.get(at)) {
        way.push(before.clone());
    }
    way.reverse();
    if way.last() != Some(who) {
        way.push(who.clone());
    }
    way
}

/// Takes back what is held or waited for by somebody; answers the runs that wait for it.
pub(super) fn take_back_if(
    conn: &Connection,
    goes: impl Fn(&LeaseRow) -> bool,
) -> rusqlite::Result<Vec<String>> {
    let mut gone = [rows(conn, (HELD, true), None)?, rows(conn, (WAITING, false), None)?].concat();
    gone.retain(goes);
    take_back(conn, &gone)
}

pub(super) fn forget_run(conn: &Connection, run: &str, live: &[&str]) -> rusqlite::Result<Vec<String>> {
    let mut gone = rows(conn, (HELD, true), None)?;
    gone.retain(|row| row.who.run == run && !live.contains(&row.who.task.as_str()));
    gone.extend(rows(conn, (WAITING, false), None)?.into_iter().filter(|row| row.who.run == run));
    take_back(conn, &gone)
}

fn take_back(conn: &Connection, gone: &[LeaseRow]) -> rusqlite::Result<Vec<String>> {
    for row in gone {
        let (sql, number) = match row.epoch {
            Some(epoch) => ("DELETE FROM held WHERE epoch=?1 AND name=?2", epoch),
            None => ("DELETE FROM waiting WHERE ticket=?1 AND name=?2", row.ticket.unwrap_or_default()),
        };
        conn.prepare_cached(sql)?.execute(params![number.cast_signed(), row.want.name])?;
    }
    let names: BTreeSet<&str> = gone.iter().map(|row| row.want.name.as_str()).collect();
    let mut runs = BTreeSet::new();
    for name in names {
        runs.extend(rows(conn, (WAITING, false), Some(name))?.into_iter().map(|row| row.who.run));
    }
    Ok(runs.into_iter().collect())
}
