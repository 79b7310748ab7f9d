//! The page as HTML: a list with a form for each session, without scripts. It fits a telephone, and
//! follows the browser's choice of light or dark.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bson::DateTime;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::sessions::Device;
use crate::model::humanize::{counted, lasting};

const STYLE: &str = "\
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --line: #767676; --soft: #595959;
  --mark: #0b6e3a; --go: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --back: #121212; --text: #f0f0f0; --line: #8c8c8c; --soft: #b8b8b8; --mark: #6fd39b;
    --go: #ffb4ab; }
}
html { background: var(--back); color: var(--text); }
a { color: inherit; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 44rem; padding: 1.5rem 1rem 3rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; }
h2 { margin: 0; font-size: 1.0625rem; }
p { margin: 0 0 1rem; }
ul { margin: 1.5rem 0; padding: 0; list-style: none; border-top: 1px solid var(--line); }
li { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center;
  justify-content: space-between; padding: 1rem 0; border-bottom: 1px solid var(--line); }
li div { flex: 1 1 14rem; min-width: 0; overflow-wrap: anywhere; }
li p { margin: 0; color: var(--soft); }
li .this { color: var(--mark); font-weight: 600; }
form { margin: 0; }
button { min-height: 2.75rem; padding: .5rem 1rem; font: inherit; font-weight: 600; color: var(--go);
  background: transparent; border: 1px solid currentColor; border-radius: .5rem; cursor: pointer; }
button:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
[role=status], [role=alert] { padding: .75rem 1rem; border: 1px solid var(--line); border-left-width: .5rem; }
";

/// What the browser may load: this style sheet and nothing else. Nobody may frame the page.
pub(super) fn content_security_policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

/// What the page is made of.
pub(super) struct Page<'a> {
    pub(super) devices: &'a [Device],
    pub(super) token: &'a str,
    /// The folder of the forms, relative to the page: empty, or with a slash at its end.
    pub(super) folder: &'a str,
    /// The server's clock.
    pub(super) now: DateTime,
    /// How many sessions the last form ended.
    pub(super) signed_out: Option<u64>,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let count = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
        let has_others = self.devices.iter().any(|device| !device.current);
        document(&html! {
            @if let Some(ended) = self.signed_out {
                p role="status" { "Signed out " (counted(ended, "session")) "." }
            }
            p {
                "You are signed in with " (counted(count, "session")) "."
                @if has_others { " Sign out the ones that you do not recognize or no longer use." }
            }
            ul {
                @for (at, device) in self.devices.iter().enumerate() { (self.item(at, device)) }
            }
            @if has_others {
                form method="post" action={ (self.folder) "sign-out-others" } {
                    input type="hidden" name="token" value=(self.token);
                    button { "Sign out all other sessions" }
                }
            }
        })
    }

    fn item(&self, at: usize, device: &Device) -> Markup {
        let (name, button) = (format!("session-{at}"), format!("sign-out-{at}"));
        html! {
            li {
                div {
                    h2 id=(name) { (title(device)) }
                    @if device.current { p class="this" { "This session" } }
                    @if let Some(address) = device.address { p { "Address " (address) } }
                    @if let Some(seen) = device.last_seen.filter(|_| !device.current) {
                        p { "Last used " (self.ago(seen)) }
                    }
                    @if let Some(began) = device.signed_in { p { "Signed in " (self.ago(began)) } }
                }
                @if !device.current {
                    form method="post" action={ (self.folder) "sign-out" } {
                        input type="hidden" name="token" value=(self.token);
                        input type="hidden" name="handle" value=(device.handle);
                        // Read aloud with its session, since all buttons say the same.
                        button id=(button) aria-labelledby={ (button) " " (name) } { "Sign out" }
                    }
                }
            }
        }
    }

    fn ago(&self, then: DateTime) -> Markup {
        let millis = self.now.timestamp_millis().saturating_sub(then.timestamp_millis());
        // A session that was used after the clock was read was used just now.
        let ago = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        let text = match ago.as_secs() {
            0..60 => "less than a minute ago".to_owned(),
            _ => format!("{} ago", lasting(ago)),
        };
        let exactly = then.try_to_rfc3339_string().unwrap_or_default();
        html! { time datetime=(exactly) { (text) } }
    }
}

/// `Firefox on Mac`, or what is known of it.
fn title(device: &Device) -> String {
    match (device.browser, device.device) {
        (Some(browser), Some(device)) => format!("{browser} on {device}"),
        (Some(known), None) | (None, Some(known)) => known.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

/// A page that says only why the form was refused, with a way back.
pub(super) fn refusal(why: &str, back: &str) -> String {
    document(&html! {
        p role="alert" { (why) }
        p { a href=(back) { "Back to your sessions" } }
    })
}

fn document(main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Your sessions" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { "Your sessions" } (main) } }
        }
    };
    page.into_string()
}
