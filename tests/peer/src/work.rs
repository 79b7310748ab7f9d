//! What both stores are given to do: the same sessions, the same tasks, the same runtime. The
//! benchmark and the peer share this file.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// How long the sessions live, in seconds.
pub const LIFETIME: i64 = 14 * 86_400;

pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The id of a session, spread over the whole range as drawn ones are.
pub fn id(number: u32) -> i128 {
    (i128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128 as i128)
}

/// What an application keeps of a user who is logged in; about 400 bytes. `views` makes one save
/// differ from the other.
pub fn data(number: u32, views: u32) -> HashMap<String, Value> {
    let token = format!("{:032x}", id(number ^ 0x5555));
    let auth_hash: Vec<u8> = token.bytes().collect();
    [
        ("user_id", json!(number)),
        ("csrf_token", json!(token)),
        ("views", json!(views)),
        (
            "cart",
            json!({ "items": [{ "sku": "TEE-XL", "qty": 2, "price": 19.99 }], "total": 46.98 }),
        ),
        ("axum-login.data", json!({ "user_id": number, "auth_hash": auth_hash })),
        (
            "flash",
            json!([{ "level": "info", "text": "Welcome back, it is good to see you again." }]),
        ),
        ("return_to", json!("/checkout?step=2&from=cart")),
        ("locale", json!("en-GB")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Runs `work` for every session with this many tasks in flight, and returns the time.
pub async fn each<F>(
    sessions: u32,
    tasks: u32,
    work: impl Fn(u32) -> F + Clone + Send + 'static,
) -> Duration
where
    F: Future<Output = ()> + Send,
{
    let next = Arc::new(AtomicU32::new(0));
    let started = Instant::now();
    let tasks = (0..tasks).map(|_| {
        let (next, work) = (next.clone(), work.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= sessions {
                    break;
                }
                work(number).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("the work of a task");
    }
    started.elapsed()
}
