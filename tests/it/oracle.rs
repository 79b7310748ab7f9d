//! One oracle: random documents of every layout, written as bytes into a real server, and read by a naive
//! reading of the layout's record that this test has for itself. Whatever sessionctl says of a document,
//! and does to it, must be what the oracle says.
//!
//! The seed of a run is printed when it fails; `SESSIONCTL_ORACLE_SEED` runs it again. The long form, a
//! million documents:
//!
//!     SESSIONCTL_LONG_TESTS=1 cargo test --test it oracle:: -- --nocapture

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bson::{DateTime, RawDocumentBuf, doc};
use sessionctl::archive::{Archive, Reader};
use sessionctl::layout::Fault;
use sessionctl::purge::{Action, Purge};
use sessionctl::stats::Options;
use sessionctl::store::{Reading, documents};
use sessionctl::{Connection, Layout, Query, Selection, State, Store};
use tokio_util::sync::CancellationToken;

use crate::stores::quiet_uri;
use crate::support::{Db, now};

mod bombs;
mod copied;
mod generator;
mod number;
mod program;
mod rule;
mod value;

use generator::{Generator, Random, originals};
use rule::Rules;
use value::{Fields, Value, bytes_of, fields_of, key_of, shown};

/// The lifetime that the operator gives where only the application knows it, in seconds.
const LIFETIME: i64 = 3600;
/// Documents of one layout at a time.
fn round_size() -> usize {
    if is_long() { 500 } else { 60 }
}

pub fn is_long() -> bool {
    std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1")
}

/// The seed of this run: a new one each time in the long form, so that it finds what is new.
fn seed() -> u64 {
    match std::env::var("SESSIONCTL_ORACLE_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if is_long() => now().timestamp_millis().unsigned_abs(),
        Err(_) => 18,
    }
}

/// What the oracle knows of one document.
#[derive(Clone, Debug)]
struct Known {
    document: Fields,
    bytes: Vec<u8>,
    /// `None` is foreign.
    state: Option<State>,
}

/// The documents of a collection, by the bytes of their `_id`.
type Collection = BTreeMap<Vec<u8>, Known>;

/// One layout's part of a run, and what it found.
struct Run<'a> {
    db: &'a Db,
    rules: &'a Rules,
    store: Store,
    cutoff: DateTime,
    place: String,
    found: Vec<String>,
}

/// Runs rounds of every layout until this many documents were tested, or the time is over.
fn run(seed: u64, wanted: usize, limit: Duration) -> (usize, Vec<String>) {
    let db = Db::on(&quiet_uri());
    let mut all = Rules::all();
    assert_eq!(all.len(), Layout::known().len());
    all.iter_mut().for_each(|rules| rules.given = Some(LIFETIME));
    let (began, mut documents, mut found) = (Instant::now(), 0, Vec::new());
    let (mut round, mut told) = (0_u64, 0);
    while documents < wanted && began.elapsed() < limit && found.len() < 2000 {
        for (at, rules) in all.iter().enumerate() {
            let seed = seed.wrapping_add(round << 16).wrapping_add(at as u64);
            let (looked_at, disagreements) = one(&db, rules, seed, round);
            documents += looked_at;
            found.extend(disagreements);
        }
        round += 1;
        if is_long() {
            let seconds = began.elapsed().as_secs();
            tell(&format!(
                "oracle: {documents} documents in {seconds} s, {} disagreements",
                found.len()
            ));
            found.iter().skip(told).take(5).for_each(|one| tell(one));
            told = found.len();
        }
    }
    (documents, found)
}

/// One round of one layout.
fn one(db: &Db, rules: &Rules, seed: u64, round: u64) -> (usize, Vec<String>) {
    let cutoff = now();
    let layout = Layout::named(&rules.name).unwrap().clone();
    let lifetime = Duration::from_secs(LIFETIME.unsigned_abs());
    let layout = layout.resolved(Some(lifetime), &[]);
    let id = layout.id.path.to_string();
    let mut generator = Generator {
        random: Random(seed),
        originals: originals(&rules.name),
        paths: rules.paths(),
        id: &id,
        cutoff: cutoff.timestamp_millis(),
        lifetime: LIFETIME,
        number: seed << 20,
        with_large: is_long(),
    };
    let documents: Vec<Fields> = (0..round_size()).map(|_| generator.document()).collect();
    let connection = db.runtime.block_on(Connection::open(&db.uri, Some(&db.name))).unwrap();
    let mut run = Run {
        db,
        rules,
        store: connection.store("sessions", layout),
        cutoff,
        place: format!("{} seed {seed} round {round}", rules.name),
        found: Vec::new(),
    };
    run.replace(&documents);
    let all = run.collection();
    run.states(&all);
    run.copied(&all, seed);
    let whole: Vec<Fields> = all.values().map(|known| known.document.clone()).collect();
    match round % 2 {
        0 => run.purged(&whole, seed),
        _ => run.mended(&whole),
    }
    run.expired(&whole);
    (all.len(), run.found)
}

impl Run<'_> {
    #[track_caller]
    fn disagrees(&mut self, what: impl AsRef<str>) {
        let line = std::panic::Location::caller().line();
        self.found.push(format!("{} (line {line}): {}", self.place, what.as_ref()));
    }

    /// Replaces the documents of the collection with these, except those that the server refuses.
    fn replace(&self, documents: &[Fields]) {
        self.db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
        insert(self.db, "sessions", documents);
    }

    fn collection(&self) -> Collection {
        let cutoff = self.cutoff.timestamp_millis();
        let known = |bytes: Vec<u8>| {
            let document = fields_of(&bytes);
            let state = self.rules.state(&document, cutoff);
            (key_of(&document), Known { document, bytes, state })
        };
        stored(self.db, "sessions").into_iter().map(known).collect()
    }

    fn selection(&self, state: State) -> Selection {
        Selection::new(Query::state(state), self.cutoff)
    }

    /// The states according to `list`, its filters, `stats` and a dry run.
    fn states(&mut self, all: &Collection) {
        let count =
            |state: Option<State>| all.values().filter(|known| known.state == state).count() as u64;
        // Of a sample, here of all, the server groups, whoever has to decode the users.
        let sampled = Options { sample: Some(1_000_000), ..Options::default() };
        let mut numbers = Vec::new();
        for options in [Options::default(), sampled] {
            let stats = match self.db.runtime.block_on(self.store.stats(&options, self.cutoff)) {
                Ok(stats) => stats,
                Err(error) => {
                    self.disagrees(format!("stats: {error}"));
                    continue;
                }
            };
            for state in State::ALL {
                let said = stats.of(state).sessions;
                if said != count(Some(state)) {
                    let known = count(Some(state));
                    self.disagrees(format!("stats says {said} {state}, not {known}"));
                }
            }
            if stats.foreign.sessions != count(None) {
                self.disagrees(format!(
                    "stats says {} foreign, not {}",
                    stats.foreign.sessions,
                    count(None)
                ));
            }
            // Expiries of fractions of a millisecond, and of far years, are rounded in other ways.
            let by_date = (stats.created, stats.touched, stats.ages, stats.growth);
            numbers.push((stats.states, stats.foreign, stats.created_by, by_date));
        }
        if let [one, other] = numbers.as_slice()
            && one != other
        {
            self.disagrees(format!("stats says {one:?}, and of a sample of all {other:?}"));
        }
        let layouts = self.store.layouts().clone();
        for state in State::ALL {
            let selection = self.selection(state);
            let filter = selection.filter(&layouts).unwrap().remove(0);
            let rows = self.read(filter);
            let mut missed: BTreeSet<&Vec<u8>> = all
                .iter()
                .filter(|(_, known)| known.state == Some(state))
                .map(|(key, _)| key)
                .collect();
            for row in rows {
                let key = key_of(&fields_of(row.as_bytes()));
                let known = &all[&key];
                missed.remove(&key);
                if known.state != Some(state) {
                    self.disagrees(format!(
                        "--{state} selects what is {:?}:{}",
                        known.state,
                        shown(&known.document)
                    ));
                } else if selection.session(&layouts, &row).map(|row| row.state) != Some(state) {
                    let session = selection.session(&layouts, &row);
                    self.disagrees(format!(
                        "the row of --{state} says {session:?}:{}",
                        shown(&known.document)
                    ));
                }
            }
            for key in missed {
                self.disagrees(format!("--{state} misses{}", shown(&all[key].document)));
            }
            let purge = Purge::new(selection, Action::Delete);
            let counted = self.db.runtime.block_on(self.store.count_selected(&purge, |_| {}));
            let wanted = count(Some(state));
            match counted {
                Ok(counted) if counted == wanted || layouts.credentials().is_some() => {}
                counted => {
                    self.disagrees(format!("a dry run of {state}: {counted:?}, not {wanted}"));
                }
            }
        }
        let foreign = self.read(doc! { "$nor": [layouts.membership()] });
        for row in &foreign {
            let known = &all[&key_of(&fields_of(row.as_bytes()))];
            if known.state.is_some() {
                self.disagrees(format!("--foreign lists{}", shown(&known.document)));
            }
        }
        if foreign.len() as u64 != count(None) {
            self.disagrees(format!("--foreign lists {}, not {}", foreign.len(), count(None)));
        }
    }

    #[track_caller]
    fn read(&mut self, filter: impl Into<sessionctl::Filter>) -> Vec<RawDocumentBuf> {
        let mut rows = Vec::new();
        let read = self.db.runtime.block_on(async {
            let mut batches = self.store.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                rows.extend(documents(&batch).map(ToOwned::to_owned));
            }
            Ok::<_, sessionctl::Error>(())
        });
        if let Err(error) = read {
            self.disagrees(format!("list: {error}"));
        }
        rows
    }

    fn carry_out(&mut self, what: &str, purge: Purge, archive: Option<Archive>) -> bool {
        let outcome = self.db.runtime.block_on(async {
            let mut purging = self.store.purge(purge, CancellationToken::new())?;
            if let Some(archive) = archive {
                purging = purging.archive_to(archive);
            }
            while purging.next().await?.is_some() {}
            Ok::<_, sessionctl::Error>(purging.is_exact())
        });
        match outcome {
            Ok(true) => true,
            Ok(false) => {
                self.disagrees(format!("{what} was not exact"));
                false
            }
            Err(error) => {
                self.disagrees(format!("{what}: {error} {:?}", std::error::Error::source(&error)));
                false
            }
        }
    }

    /// Deletes expired sessions, with or without an index, and restores them.
    fn purged(&mut self, documents: &[Fields], seed: u64) {
        self.replace(documents);
        let before = self.collection();
        let path = self.rules.path().to_owned();
        if seed % 4 < 2 && !path.is_empty() {
            // Two fields in arrays cannot both be indexed, and one that cannot be is none of ours.
            let _ = self.db.runtime.block_on(async {
                let spec = doc! { "key": { &path: 1 }, "name": "by_expiry" };
                let database = self.db.client.database(&self.db.name);
                database.run_command(doc! { "createIndexes": "sessions", "indexes": [spec] }).await
            });
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("expired.bson");
        let archives = seed.is_multiple_of(2);
        let archive = archives.then(|| Archive::create(&file).unwrap());
        if self.carry_out("purge", Purge::expired(self.cutoff, self.cutoff), archive) {
            self.compare("purge", &before, |known| match known.state {
                Some(State::Expired) => None,
                _ => Some(known.bytes.clone()),
            });
            if archives {
                let restored = self.db.runtime.block_on(async {
                    let archived = Reader::open(&file)?;
                    let connection = self.store.connection();
                    let token = CancellationToken::new();
                    let mut restoring = connection.restore("sessions", archived, 1000, token);
                    while restoring.next().await?.is_some() {}
                    Ok::<_, sessionctl::Error>(restoring.total())
                });
                if let Err(error) = restored {
                    self.disagrees(format!("restore: {error}"));
                }
                self.compare("restore", &before, |known| Some(known.bytes.clone()));
            }
        }
        self.db.run(doc! { "dropIndexes": "sessions", "index": "*" });
    }

    /// Logs out every live session.
    fn expired(&mut self, documents: &[Fields]) {
        let ended: Vec<String> = self.rules.ended().into_iter().map(str::to_owned).collect();
        let selection = self.selection(State::Live);
        let purge = Purge::new(selection, Action::Expire);
        if ended.is_empty() {
            if self.store.purge(purge, CancellationToken::new()).is_ok() {
                self.disagrees("expire does not refuse");
            }
            return;
        }
        self.replace(documents);
        let before = self.collection();
        if !self.carry_out("expire", purge, None) {
            return;
        }
        let after = self.collection();
        let roots: Vec<&[u8]> =
            ended.iter().map(|path| path.split('.').next().unwrap().as_bytes()).collect();
        let rest = |document: &Fields| -> Fields {
            document.iter().filter(|(name, _)| !roots.contains(&&name[..])).cloned().collect()
        };
        for (key, known) in &before {
            let changed = &after[key];
            if known.state != Some(State::Live) || self.spares(&known.document) {
                if changed.bytes != known.bytes {
                    self.disagrees(format!("expire changed{}", shown(&known.document)));
                }
                continue;
            }
            if changed.state != Some(State::Expired) {
                self.disagrees(format!(
                    "expire left {:?}:{}\n  now{}",
                    changed.state,
                    shown(&known.document),
                    shown(&changed.document)
                ));
            }
            if bytes_of(&rest(&changed.document)) != bytes_of(&rest(&known.document)) {
                self.disagrees(format!(
                    "expire changed more of{}\n  now{}",
                    shown(&known.document),
                    shown(&changed.document)
                ));
            }
        }
    }

    /// Whether it is a program's credential, which only naming it ends.
    fn spares(&self, document: &Fields) -> bool {
        let credentials = self.rules.record.get("credentials").and_then(toml::Value::as_table);
        credentials.is_some_and(|fields| {
            fields.iter().all(|(name, wanted)| {
                let value = document.iter().find(|(own, _)| own == name.as_bytes());
                value.is_some_and(|(_, value)| is_or_holds(value, wanted))
            })
        })
    }

    /// Turns texts and numbers into dates.
    fn mended(&mut self, documents: &[Fields]) {
        let mendings = self.store.layouts().mendings(Fault::ExpiryType, self.cutoff);
        let keeps_dates = self.rules.keeps_dates();
        if mendings.is_ok() != keeps_dates {
            self.disagrees("fix expiry is refused, or not, as it ought to be");
        }
        let Ok(mendings) = mendings else { return };
        self.replace(documents);
        let before = self.collection();
        let fixes =
            Purge::new(Selection::new(Query::default(), self.cutoff), Action::Fix(mendings));
        let unclear = before.values().filter(|known| {
            let is_spared = self.spares(&known.document);
            known.state.is_some() && !is_spared && self.rules.mended(&known.document) == Some(None)
        });
        let unclear = unclear.count() as u64;
        match self.db.runtime.block_on(self.store.count_mended(&fixes)) {
            Ok((_, said)) if said == unclear => {}
            Ok((_, said)) => self.disagrees(format!("fix calls {said} unclear, not {unclear}")),
            Err(error) => self.disagrees(format!("fix expiry, counting: {error}")),
        }
        if self.carry_out("fix expiry", fixes, None) {
            let path = self.rules.path().as_bytes().to_vec();
            let rules = self.rules;
            let spared: BTreeSet<Vec<u8>> = before
                .iter()
                .filter(|(_, known)| self.spares(&known.document))
                .map(|(key, _)| key.clone())
                .collect();
            self.compare("fix expiry", &before, |known| {
                let mut document = known.document.clone();
                let is_spared = spared.contains(&key_of(&document));
                if let Some(Some(date)) =
                    rules.mended(&document).filter(|_| known.state.is_some() && !is_spared)
                {
                    let field = document.iter_mut().find(|(name, _)| *name == path).unwrap();
                    field.1 = Value::Date(date);
                }
                Some(bytes_of(&document))
            });
        }
        self.given_an_end(documents);
    }

    /// Gives the endless sessions an expiry.
    fn given_an_end(&mut self, documents: &[Fields]) {
        let fault = Fault::Endless(Duration::from_secs(86_400));
        let Ok(mendings) = self.store.layouts().mendings(fault, self.cutoff) else { return };
        self.replace(documents);
        let before = self.collection();
        let fixes =
            Purge::new(Selection::new(Query::default(), self.cutoff), Action::Fix(mendings));
        if !self.carry_out("fix endless", fixes, None) {
            return;
        }
        let after = self.collection();
        for (key, known) in &before {
            let changed = &after[key];
            let is_endless = known.state == Some(State::Endless);
            let is_spared = self.spares(&known.document);
            if (!is_endless || is_spared) && changed.bytes != known.bytes {
                self.disagrees(format!("fix endless changed{}", shown(&known.document)));
            }
            let ends = matches!(changed.state, Some(State::Live | State::Expired));
            if is_endless && !is_spared && !ends && changed.bytes != known.bytes {
                self.disagrees(format!(
                    "fix endless left {:?}:{}\n  now{}",
                    changed.state,
                    shown(&known.document),
                    shown(&changed.document)
                ));
            }
        }
    }

    /// The collection now contains what the oracle computes from its previous contents.
    #[track_caller]
    fn compare(
        &mut self,
        what: &str,
        before: &Collection,
        wanted: impl Fn(&Known) -> Option<Vec<u8>>,
    ) {
        let mut after = self.collection();
        for (key, known) in before {
            let found = after.remove(key).map(|found| found.bytes);
            let wanted = wanted(known);
            if found != wanted {
                let (found, wanted) = (
                    found.map(|one| shown(&fields_of(&one))),
                    wanted.map(|one| shown(&fields_of(&one))),
                );
                self.disagrees(format!(
                    "{what} made of {:?}{}\n  this {found:?}\n  rather than {wanted:?}",
                    known.state,
                    shown(&known.document)
                ));
            }
        }
        for extra in after.values() {
            let text = shown(&extra.document);
            self.disagrees(format!("{what} made{text}"));
        }
    }
}

fn is_or_holds(value: &Value, wanted: &toml::Value) -> bool {
    match (value, wanted) {
        (Value::Array(items), wanted) => items.iter().any(|(_, item)| match item {
            Value::Array(_) => false,
            item => is_or_holds(item, wanted),
        }),
        (Value::Bool(own), toml::Value::Boolean(wanted)) => own == wanted,
        (Value::Text(own), toml::Value::String(wanted)) => own == wanted.as_bytes(),
        _ => false,
    }
}

/// Inserts documents as they are; those that the server refuses are left out.
fn insert(db: &Db, collection: &str, documents: &[Fields]) {
    // A command holds 16 MB.
    const MOST: usize = 15_000_000;
    let (mut some, mut size) = (Vec::new(), 0);
    for document in documents {
        let own = bytes_of(document).len();
        if size + own > MOST {
            insert_some(db, collection, std::mem::take(&mut some));
            size = 0;
        }
        size += own;
        some.push(Value::Document(document.clone()));
    }
    insert_some(db, collection, some);
}

fn insert_some(db: &Db, collection: &str, documents: Vec<Value>) {
    if documents.is_empty() {
        return;
    }
    let command = vec![
        (b"insert".to_vec(), Value::text(collection)),
        (b"ordered".to_vec(), Value::Bool(false)),
        (b"documents".to_vec(), Value::array(documents)),
    ];
    let command = RawDocumentBuf::from_bytes(bytes_of(&command)).unwrap();
    let database = db.client.database(&db.name);
    db.runtime.block_on(database.run_raw_command(command).into_future()).unwrap();
}

/// Every document of a collection, as bytes.
fn stored(db: &Db, collection: &str) -> Vec<Vec<u8>> {
    db.runtime.block_on(async {
        let collection = db.client.database(&db.name).collection::<RawDocumentBuf>(collection);
        let mut cursor = collection.find(doc! {}).await.unwrap();
        let mut found = Vec::new();
        while cursor.advance().await.unwrap() {
            found.push(cursor.current().as_bytes().to_vec());
        }
        found
    })
}

#[test]
fn every_state_and_every_write_is_what_an_independent_reading_of_the_record_says() {
    let seed = seed();
    let began = Instant::now();
    let (wanted, limit) = match is_long() {
        true => (1_000_000, Duration::from_secs(3600)),
        false => (63 * round_size() * 2, Duration::from_secs(60)),
    };
    let (documents, found) = run(seed, wanted, limit);
    tell(&format!(
        "oracle: seed {seed}, {documents} documents of all layouts in {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    // One of each kind.
    let mut kinds = BTreeMap::new();
    for one in &found {
        let line = one.split_once("(line ").map_or("", |(_, rest)| rest);
        let layout = one.split(' ').next().unwrap();
        let kind: String = line.chars().take(30).collect();
        kinds.entry((layout, kind)).or_insert_with(|| (0, one)).0 += 1;
    }
    let shown: Vec<_> = kinds.values().map(|(count, one)| format!("{count} x {one}")).collect();
    assert!(found.is_empty(), "seed {seed}: {} disagreements\n{}", found.len(), shown.join("\n"));
}

#[expect(clippy::print_stderr, reason = "the long form says what it did")]
pub fn tell(text: &str) {
    eprintln!("{text}");
}
