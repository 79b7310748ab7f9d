//! A database of a test's own, with a blocking view of what is in it.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use bson::raw::RawBsonRef;
use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use sessionctl::{Connection, Layout, Store};
use tokio::runtime::Runtime;

use super::server::{FailPoint, shared_uri, with_option};
use super::waiting::{LONG, becomes, milliseconds};
use super::{Program, Run};

/// Where in a document, which begins at this address, the question marks of its texts are.
fn question_marks(document: &RawDocument, begin: usize, places: &mut Vec<usize>) {
    for element in document {
        match element.unwrap().1 {
            RawBsonRef::String(text) => {
                let begin = text.as_ptr().addr() - begin;
                places.extend(text.match_indices('?').map(|(at, _)| begin + at));
            }
            RawBsonRef::Document(inner) => question_marks(inner, begin, places),
            RawBsonRef::Array(inner) => {
                let inner = RawDocument::from_bytes(inner.as_bytes()).unwrap();
                question_marks(inner, begin, places);
            }
            _ => {}
        }
    }
}

/// A database of a test's own, with a blocking view of it for looking at what was done.
pub struct Db {
    /// The server, as everybody reaches it.
    pub server: String,
    /// The server, as the program that is tested reaches it.
    pub uri: String,
    pub name: String,
    pub client: Client,
    pub runtime: Runtime,
}

impl Db {
    /// On the shared server.
    pub fn new() -> Self {
        Self::on(&shared_uri())
    }

    pub fn on(server: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let patience = format!("serverSelectionTimeoutMS={}", milliseconds(LONG));
        let looking = with_option(server, &patience);
        let client = runtime.block_on(Client::with_uri_str(looking)).unwrap();
        // The program is known to the server by this name: a fail point can be for it alone. After a
        // "not primary" that the fail point made up, the driver only looks again at its heartbeat.
        let uri = with_option(server, &format!("appName={name}&heartbeatFrequencyMS=500"));
        Self { server: server.to_owned(), uri, name, client, runtime }
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.client.database(&self.name).collection(name)
    }

    pub fn insert(&self, collection: &str, documents: impl IntoIterator<Item = Document>) {
        let documents: Vec<_> = documents.into_iter().collect();
        self.runtime
            .block_on(self.collection(collection).insert_many(documents).into_future())
            .unwrap();
    }

    pub fn run(&self, command: Document) -> Document {
        let database = self.client.database(&self.name);
        self.runtime.block_on(database.run_command(command).into_future()).unwrap()
    }

    /// A command on the database `admin`.
    pub fn admin(&self, command: Document) -> Document {
        let database = self.client.database("admin");
        self.runtime.block_on(database.run_command(command).into_future()).unwrap()
    }

    /// The server that is the primary now, and no other later.
    pub(super) fn primary(&self) -> Client {
        match self.admin(doc! { "hello": 1 }).get_str("me") {
            Ok(address) => {
                let login = self.uri.rsplit_once('@').map_or("mongodb://", |(login, _)| login);
                let at = if login == "mongodb://" { "" } else { "@" };
                let uri = format!(
                    "{login}{at}{address}/?directConnection=true&serverSelectionTimeoutMS={}",
                    milliseconds(LONG)
                );
                self.runtime.block_on(Client::with_uri_str(uri)).unwrap()
            }
            // No replica set.
            Err(_) => self.client.clone(),
        }
    }

    /// Inserts one document after every `?` in a text of it became a byte that is not UTF-8.
    pub fn insert_broken(&self, collection: &str, document: Document) {
        let command = doc! { "insert": collection, "documents": [document] };
        let command = RawDocumentBuf::try_from(&command).unwrap();
        // Not in its dates and lengths, where this byte occurs by chance.
        let mut places = Vec::new();
        question_marks(&command, command.as_bytes().as_ptr().addr(), &mut places);
        let mut bytes = command.into_bytes();
        places.into_iter().for_each(|place| bytes[place] = 0xFF);
        self.insert_bytes(bytes);
    }

    /// Inserts one document after a field in it, however deep, got another name of the same length.
    pub fn insert_misnamed(&self, collection: &str, document: Document, from: &str, to: &str) {
        let command = doc! { "insert": collection, "documents": [document] };
        let mut bytes = RawDocumentBuf::try_from(&command).unwrap().into_bytes();
        let [from, to] = [from, to].map(|name| format!("{name}\0").into_bytes());
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[at..at + from.len()].copy_from_slice(&to);
        self.insert_bytes(bytes);
    }

    fn insert_bytes(&self, command: Vec<u8>) {
        let command = RawDocumentBuf::from_bytes(command).unwrap();
        let database = self.client.database(&self.name);
        let reply = self.runtime.block_on(database.run_raw_command(command).into_future()).unwrap();
        assert_eq!(reply.get("n"), Some(&Bson::Int32(1)), "{reply}");
    }

    /// Inserts a document in which a field has another name, which may be there already: a document
    /// that a driver makes has each name once.
    pub fn insert_renamed(&self, collection: &str, document: &Document, from: &str, to: &str) {
        let mut bytes = Vec::new();
        for (name, value) in document {
            let name = if name == from { to } else { name };
            let one = RawDocumentBuf::try_from(&doc! { name: value.clone() }).unwrap().into_bytes();
            bytes.extend(&one[4..one.len() - 1]);
        }
        bytes.push(0);
        let length = i32::try_from(bytes.len() + 4).unwrap();
        bytes.splice(0..0, length.to_le_bytes());
        let document = RawDocumentBuf::from_bytes(bytes).unwrap();
        let collection = self.client.database(&self.name).collection::<RawDocumentBuf>(collection);
        self.runtime.block_on(collection.insert_one(document).into_future()).unwrap();
    }

    pub fn count(&self, collection: &str, filter: Document) -> u64 {
        let collection = self.collection(collection);
        self.runtime.block_on(collection.count_documents(filter).into_future()).unwrap()
    }

    pub fn find(&self, collection: &str, filter: Document) -> Vec<Document> {
        let collection = self.collection(collection);
        self.runtime.block_on(async {
            let mut cursor = collection.find(filter).await.unwrap();
            let mut found = Vec::new();
            while cursor.advance().await.unwrap() {
                found.push(cursor.deserialize_current().unwrap());
            }
            found
        })
    }

    /// The `_id`s that are in the collection, sorted as text.
    pub fn ids(&self, collection: &str) -> Vec<String> {
        let text = |document: &Document| match document.get("_id") {
            Some(Bson::String(id)) => id.clone(),
            Some(id) => id.to_string(),
            None => String::new(),
        };
        let mut ids: Vec<_> = self.find(collection, doc! {}).iter().map(text).collect();
        ids.sort();
        ids
    }

    /// Waits until so many of the collection's documents match.
    #[track_caller]
    pub fn await_count(&self, collection: &str, filter: Document, count: u64) {
        let what = format!("{count} of {}.{collection} matched {filter}", self.name);
        becomes(&what, move || self.count(collection, filter.clone()), |seen| *seen == count);
    }

    /// Waits until no document has this `_id`.
    #[track_caller]
    pub fn await_gone(&self, collection: &str, id: &str) {
        self.await_count(collection, doc! { "_id": id }, 0);
    }

    /// Waits until these are the `_id`s in the collection, in order.
    #[track_caller]
    pub fn await_ids<T: AsRef<str>>(&self, collection: &str, ids: &[T]) {
        let ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
        let what = format!("{}.{collection} held {ids:?}", self.name);
        becomes(&what, || self.ids(collection), |seen| *seen == ids);
    }

    /// The document whose `field` is `value`; it is there.
    #[track_caller]
    pub fn one(&self, collection: &str, field: &str, value: &str) -> Document {
        let found = self.find(collection, doc! { field: value });
        assert_eq!(found.len(), 1, "{field} {value}");
        found.into_iter().next().unwrap()
    }

    /// Changes one document, as an application that goes on working would.
    pub fn update(&self, collection: &str, filter: Document, update: Document) {
        let collection = self.collection(collection);
        let done = self.runtime.block_on(collection.update_one(filter, update).into_future());
        assert_eq!(done.unwrap().matched_count, 1);
    }

    /// The indexes of a collection by name, without `_id_`.
    pub fn indexes(&self, collection: &str) -> Vec<Document> {
        let reply = self.run(doc! { "listIndexes": collection });
        let batch = reply.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let specs = batch.iter().map(|spec| spec.as_document().unwrap().clone());
        specs.filter(|spec| spec.get_str("name").unwrap() != "_id_").collect()
    }

    pub fn create_index(&self, collection: &str, spec: Document) {
        self.run(doc! { "createIndexes": collection, "indexes": [spec] });
    }

    pub fn collections(&self) -> Vec<String> {
        let database = self.client.database(&self.name);
        self.runtime.block_on(database.list_collection_names().into_future()).unwrap()
    }

    /// The library's store of `layout` in the collection `sessions`.
    pub fn store(&self, layout: &str) -> Store {
        let layout = Layout::named(layout).unwrap().clone();
        let connection = self.runtime.block_on(Connection::open(&self.uri, Some(&self.name)));
        connection.unwrap().store("sessions", layout)
    }

    /// Makes the server misbehave towards sessionctl, on this test's connections alone.
    pub fn fail_commands(&self, mode: impl Into<Bson>, mut data: Document) -> FailPoint<'_> {
        data.insert("appName", &self.name);
        FailPoint::on(self, "failCommand", mode, data)
    }

    /// Holds every delete from this database's `sessions` at the server until the guard goes.
    pub fn hold_deletes(&self) -> FailPoint<'_> {
        let data = doc! { "nss": format!("{}.sessions", self.name) };
        FailPoint::on(self, "hangDuringBatchRemove", "alwaysOn", data)
    }

    /// sessionctl on this database.
    pub fn sessionctl(&self, arguments: &[&str]) -> Run {
        self.command(arguments).run()
    }

    pub fn command(&self, arguments: &[&str]) -> Program {
        Program::new(arguments).env("SESSIONCTL_URI", &self.uri).env("SESSIONCTL_DB", &self.name)
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // A set dies with its test, and a server that is gone would be looked for.
        let address = self.server.trim_start_matches("mongodb://");
        let is_set = self.server.contains("replicaSet=");
        if std::thread::panicking() || is_set || TcpStream::connect(address).is_err() {
            return;
        }
        let drop = doc! { "dropDatabase": 1, "maxTimeMS": 5000 };
        let database = self.client.database(&self.name);
        let _ = self.runtime.block_on(database.run_command(drop).into_future());
    }
}
