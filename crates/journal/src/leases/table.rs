//! The leases of a workspace inside one transaction: granted, waited for, refused, given back.
//!
//! Canonical order is by name. Who is in the way of whom is told elsewhere. Knows no clock.

use super::rules::{Board, Rivals, in_the_way, is_covered, units_of};
use super::{Claim, Claimant, Claimed, Grant, LeaseKind, LeaseRow, LeaseWant, Refusal};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::BTreeSet;

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

/// Everything that anybody holds or waits for.
fn board(conn: &Connection) -> rusqlite::Result<Board> {
    Ok(Board { held: held(conn)?, waiting: waiting(conn)? })
}

/// Who stands in the way of one wanted lease: those who hold it, and those before it in the line.
fn blockers(
    conn: &Connection,
    who: &Claimant,
    want: &LeaseWant,
    ticket: Option<u64>,
) -> rusqlite::Result<Vec<LeaseRow>> {
    let held = rows(conn, (HELD, true), Some(&want.name))?;
    let waiting = rows(conn, (WAITING, false), Some(&want.name))?;
    let before = waiting.iter().filter(|row| ticket.is_none() || row.ticket < ticket).collect::<Vec<_>>();
    let rivals = Rivals { held: &held.iter().collect::<Vec<_>>(), before: &before };
    Ok(in_the_way(who, want, rivals).into_iter().cloned().collect())
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
    // What it has already is not asked for, and nobody stands in front of it.
    let mut own = rows(conn, (HELD, true), None)?;
    own.retain(|row| row.who == claim.who);
    let wants: BTreeSet<&LeaseWant> = claim.wants.iter().filter(|want| !is_covered(want, &own)).collect();
    for want in &wants {
        if let Some(refusal) = never(conn, &claim.who, want)? {
            return Ok((Claimed::Refused(refusal), poke));
        }
    }
    let mut by: Vec<LeaseRow> = Vec::new();
    for want in &wants {
        by.extend(blockers(conn, &claim.who, want, ticket)?);
    }
    if by.is_empty() {
        ticket.map(|ticket| leave_line(conn, ticket)).transpose()?;
        return Ok((Claimed::Granted(grant(conn, claim, &wants)?), poke));
    }
    let ticket = match ticket {
        Some(ticket) if stands(conn, ticket)? => ticket,
        _ => stand_in_line(conn, claim, &wants)?,
    };
    // What has not started holds nothing and stands at the end: nobody waits for it yet.
    if claim.by_attempt {
        poke.extend(break_circles(conn, &claim.who)?);
    }
    Ok(match denied(conn, ticket)? {
        Some(circle) => (Claimed::Refused(Refusal::Endless(circle)), poke),
        None => (Claimed::Waits { ticket, by }, poke),
    })
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

/// Waiting must come to an end: as long as the claimant waits for itself, somebody in the circle steps back. Answers
/// the runs of those that are refused.
fn break_circles(conn: &Connection, me: &Claimant) -> rusqlite::Result<Vec<String>> {
    let mut poke = Vec::new();
    loop {
        let board = board(conn)?;
        let Some(circle) = board.circle(me) else { return Ok(poke) };
        let row_of = |who: &Claimant| board.waiting.iter().find(|row| row.who == *who);
        // What has not started holds nothing: nobody waits for it once it has given up its place in the line.
        if let Some(idle) = circle.iter().filter_map(|(who, _)| row_of(who)).find(|row| !row.by_attempt) {
            give_up_place(conn, &idle.who)?;
            continue;
        }
        let text = in_words(&circle);
        let ranked = circle.iter().filter_map(|(who, tickets)| Some((rank(row_of(who)?), who, tickets)));
        let Some((_, victim, tickets)) = ranked.max_by_key(|(rank, ..)| *rank) else { return Ok(poke) };
        for &ticket in tickets {
            leave_line(conn, ticket)?;
            deny(conn, (victim, ticket), &text)?;
        }
        poke.push(victim.run.clone());
    }
}

/// Who is refused in a circle: the lowest priority, then the highest key.
fn rank(row: &LeaseRow) -> (&str, &str, &str) {
    (&row.priority, &row.who.task, &row.who.run)
}

fn in_words(circle: &[(Claimant, Vec<u64>)]) -> String {
    let names = circle.iter().chain(circle.first());
    let names: Vec<String> = names.map(|(who, _)| format!("`{}` of run {}", who.task, who.run)).collect();
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
pub(super) fn denied(conn: &Connection, ticket: u64) -> rusqlite::Result<Option<String>> {
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

fn grant(conn: &Connection, claim: &Claim, wants: &BTreeSet<&LeaseWant>) -> rusqlite::Result<Grant> {
    let epoch = next(conn, "epoch")?;
    insert(
        conn,
        ("INSERT INTO held(run, task, name, kind, units, capacity, epoch, since, priority, own)", epoch),
        claim,
        wants,
    )?;
    Ok(Grant { epoch, got: wants.iter().copied().cloned().collect() })
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

/// Refusals that nobody will hear any more: those of a task, or of the whole run.
pub(super) fn forget_refusals(conn: &Connection, run: &str, task: Option<&str>) -> rusqlite::Result<()> {
    let sql = "DELETE FROM denied WHERE run=?1 AND task=ifnull(?2, task)";
    conn.prepare_cached(sql)?.execute(params![run, task]).map(|_| ())
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
    forget_refusals(conn, run, None)?;
    let mut gone = rows(conn, (HELD, true), None)?;
    gone.retain(|row| row.who.run == run && !live.contains(&row.who.task.as_str()));
    gone.extend(rows(conn, (WAITING, false), None)?.into_iter().filter(|row| row.who.run == run));
    take_back(conn, &gone)
}

pub(super) fn take_back(conn: &Connection, gone: &[LeaseRow]) -> rusqlite::Result<Vec<String>> {
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
