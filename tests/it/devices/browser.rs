//! The page in real browsers, with the keyboard alone: one signs the other out.
//!
//! `SESSIONCTL_LONG_TESTS=1 cargo test --test it devices::browser -- --nocapture` drives Debian's
//! headless Chromium over `WebDriver`, examines the page with axe-core, and leaves its screenshots in
//! `target/tmp/devices`. `tests/deploy/tools.sh` fetches both.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bson::doc;
use serde_json::{Value, json};
use sessionctl::express_cookie::ExpressCookie;
use tokio::net::TcpListener;

use crate::axum_example::{KEY, app};
use crate::patience::limit;
use crate::support::{Db, LONG, Tool, eventually};

const IPHONE: &str = super::IPHONE;
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const HOUR: Duration = Duration::from_secs(3600);

/// A headless Chromium; it does not outlive its test.
struct Browser {
    agent: ureq::Agent,
    /// Its address at the driver.
    session: String,
}

impl Browser {
    fn start(driver: u16, arguments: &[&str]) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(limit(LONG)))
            .proxy(None);
        let agent: ureq::Agent = config.build().into();
        // Chromium's own sandbox refuses root.
        let usual = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"];
        let arguments: Vec<_> = usual.iter().chain(arguments).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
        } } });
        let driver = format!("http://127.0.0.1:{driver}/session");
        let begun = sent(agent.post(&driver).send(wanted.to_string()));
        let id = begun["sessionId"].as_str().unwrap();
        Self { session: format!("{driver}/{id}"), agent }
    }

    #[track_caller]
    fn post(&self, command: &str, fields: &Value) -> Value {
        sent(self.agent.post(format!("{}/{command}", self.session)).send(fields.to_string()))
    }

    #[track_caller]
    fn get(&self, command: &str) -> Value {
        sent(self.agent.get(format!("{}/{command}", self.session)).call())
    }

    #[track_caller]
    fn goes_to(&self, port: u16, path: &str) {
        self.post("url", &json!({ "url": format!("http://127.0.0.1:{port}{path}") }));
    }

    fn is_at(&self, path: &str) -> bool {
        self.get("url").as_str().unwrap().ends_with(path)
    }

    /// Whether it is at the page that reports one session.
    fn is_at_signed_out(&self) -> bool {
        self.get("url").as_str().unwrap().contains("/sessions?signed-out=1-")
    }

    /// Presses and releases these keys, wherever the focus is.
    #[track_caller]
    fn types(&self, text: &str) {
        let keys: Vec<Value> = text
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": keys });
        self.post("actions", &json!({ "actions": [keyboard] }));
    }

    /// What is read aloud of the element that has the focus.
    #[track_caller]
    fn focused(&self) -> String {
        let element = self.get("element/active");
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        self.get(&format!("element/{id}/computedlabel")).as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn script(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    fn screenshot(&self, folder: &Path, name: &str) {
        let picture = BASE64_STANDARD.decode(self.get("screenshot").as_str().unwrap()).unwrap();
        std::fs::write(folder.join(name), picture).unwrap();
    }

    /// The rules of axe-core that the page breaks seriously, and how many it keeps.
    #[track_caller]
    fn examined(&self, axe: &str) -> (Vec<String>, u64) {
        let script = format!(
            "{axe}; const done = arguments[arguments.length - 1];
             axe.run().then(found => done({{ passes: found.passes.length, violations:
               found.violations.filter(rule => ['serious', 'critical'].includes(rule.impact))
                 .map(rule => `${{rule.id}}: ${{rule.nodes.map(node => node.html)}}`) }}),
               error => done({{ error: String(error) }}));"
        );
        let found = self.post("execute/async", &json!({ "script": script, "args": [] }));
        let rules = found["violations"].as_array().unwrap_or_else(|| panic!("{found}")).iter();
        let rules = rules.map(|rule| rule.as_str().unwrap().to_owned()).collect();
        (rules, found["passes"].as_u64().unwrap())
    }

    #[track_caller]
    fn is_accessible(&self, axe: &str) {
        let (broken, kept) = self.examined(axe);
        assert!(broken.is_empty() && kept > 10, "{kept} kept, broken: {broken:#?}");
    }

    #[track_caller]
    fn logs_in(&self, port: u16, user: &str) {
        self.goes_to(port, "/");
        // The field has the focus from the beginning.
        self.types(&format!("{user}{ENTER}"));
        eventually("the user was logged in", || {
            self.script("return document.body.innerText").as_str().unwrap().contains("You are")
        });
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
    }
}

#[track_caller]
fn sent(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut response = response.unwrap();
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    assert_eq!(response.status(), 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["value"].take()
}

/// The driver, and its port.
fn driver() -> (Tool, u16) {
    let mut driver = Tool::start("chromedriver", &["--port=0"]);
    loop {
        let line = driver.line();
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return (driver, port.trim_end_matches('.').parse().unwrap());
        }
    }
}

fn axe() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
    let printed = Command::new("bash").arg(script).arg("axe").output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).unwrap()
}

fn serve(db: &Db) -> u16 {
    let cookie = ExpressCookie::new("keyboard cat");
    let app = app::router(db.store("express-mongodb-1"), cookie, HOUR, KEY).unwrap();
    let listener = db.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    db.runtime.spawn(async move { axum::serve(listener, app).await });
    port
}

#[test]
fn one_browser_signs_the_other_out_by_keyboard() {
    if std::env::var_os("SESSIONCTL_LONG_TESTS").is_none_or(|value| value != "1") {
        return;
    }
    let db = Db::new();
    let (port, axe, (_driver, driver)) = (serve(&db), axe(), driver());
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("devices");
    std::fs::create_dir_all(&shots).unwrap();
    let here = Browser::start(driver, &[]);
    let phone = Browser::start(driver, &[&format!("--user-agent={IPHONE}")]);
    here.logs_in(port, "alice");
    phone.logs_in(port, "alice");
    assert_eq!(db.count("sessions", doc! { "session.user": "alice" }), 2);

    // The link is the first thing that the keyboard reaches.
    here.types(&TAB.to_string());
    assert_eq!(here.focused(), "Your sessions");
    here.types(&ENTER.to_string());
    eventually("the page was open", || here.is_at("/sessions"));
    let text = here.script("return document.body.innerText");
    let text = text.as_str().unwrap();
    for shown in ["Chrome on Linux computer", "This session", "Safari on iPhone", "127.0.0.1"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    here.screenshot(&shots, "desktop.png");
    here.is_accessible(&axe);
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    here.devtools("Emulation.setEmulatedMedia", &dark);
    here.screenshot(&shots, "desktop-dark.png");
    here.is_accessible(&axe);

    phone.goes_to(port, "/sessions");
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
    phone.devtools("Emulation.setDeviceMetricsOverride", &narrow);
    phone.screenshot(&shots, "phone.png");
    phone.is_accessible(&axe);
    let size = phone.script(
        "const heights = [...document.querySelectorAll('button')].map(it => it.offsetHeight);
         return [document.documentElement.scrollWidth, Math.min(...heights)]",
    );
    let (width, height) = (size[0].as_u64().unwrap(), size[1].as_u64().unwrap());
    assert!(width <= 360 && height >= 44, "{size}");

    // The first button names its session, shows that it has the focus, and ends the other session.
    here.types(&TAB.to_string());
    assert_eq!(here.focused(), "Sign out Safari on iPhone");
    let outline = here.script("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid");
    here.types(&ENTER.to_string());
    eventually("the form was sent", || here.is_at_signed_out());
    let status = here.script("return document.querySelector('[role=status]').innerText");
    assert_eq!(status, "Signed out 1 session.");
    here.screenshot(&shots, "signed-out.png");
    here.is_accessible(&axe);
    assert_eq!(db.count("sessions", doc! { "session.user": "alice" }), 1);
    phone.goes_to(port, "/sessions");
    eventually("the phone was logged out", || {
        phone.is_at("/") && phone.script("return document.querySelectorAll('input').length") == 1
    });

    // And all others, with the last button.
    phone.logs_in(port, "alice");
    phone.goes_to(port, "/sessions");
    phone.types(&format!("{TAB}{TAB}"));
    assert_eq!(phone.focused(), "Sign out all other sessions");
    phone.types(&ENTER.to_string());
    eventually("the form was sent", || phone.is_at_signed_out());
    here.goes_to(port, "/sessions");
    assert!(here.is_at("/"));

    // The examination finds what is wrong.
    phone.script("document.documentElement.removeAttribute('lang')");
    let (broken, _) = phone.examined(&axe);
    assert!(broken.iter().any(|rule| rule.starts_with("html-has-lang")), "{broken:?}");
}
