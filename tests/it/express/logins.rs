//! Express 5 with connect-mongo 6, as in typical applications: wherever they store the user,
//! `--user` logs out exactly that user.

use bson::doc;

use super::{Browser, Express};
use crate::stores::quiet_uri;
use crate::support::{Db, now};

/// How connect-mongo writes a session: the default, `stringify: false`, and `touchAfter`.
const FORMS: [&str; 3] = ["json", "object", "touch-after"];
/// Where the session has the user.
const PLACES: [&str; 6] =
    ["user.username", "user.email", "userId", "username", "passport.user", "passport.user.id"];

/// An application of tests/node/logins.js, and those who are there.
struct Site<'a> {
    port: u16,
    path: String,
    /// Two browsers of one user.
    alice: [&'a Browser; 2],
    others: [(&'a Browser, Option<&'static str>); 3],
}

impl Site<'_> {
    fn log_in(&self) {
        let everybody = self.others.iter().copied();
        for (browser, user) in self.alice.map(|own| (own, Some(ALICE))).into_iter().chain(everybody)
        {
            if let Some(user) = user {
                browser.post(self.port, &format!("{}/login?user={user}", self.path));
            }
            self.is(browser, user, 1);
        }
    }

    /// Whom the application takes a browser for, on the how manyth page of that session.
    #[track_caller]
    fn is(&self, browser: &Browser, user: Option<&str>, views: u64) {
        let page = browser.get(self.port, &format!("{}/", self.path));
        assert_eq!((page["user"].as_str(), page["views"].as_u64()), (user, Some(views)), "{page}");
    }
}

const ALICE: &str = "alice@example.se";

#[test]
fn two_browsers_of_one_user_are_logged_out_and_nobody_else_wherever_express_keeps_the_user() {
    // What is expired stays in the database: it is the store that refuses it.
    let db = Db::on(&quiet_uri());
    let express = Express::logins(&db);
    let browsers: [Browser; 5] = std::array::from_fn(|_| Browser::new());
    let [one, two, bob, near, guest] = &browsers;
    for path in FORMS.iter().flat_map(|form| PLACES.map(|place| format!("/{form}/{place}"))) {
        let collection = path[1..].replace('/', ".");
        let others = [(bob, Some("bob")), (near, Some("alice@example.seb")), (guest, None)];
        let site = Site { port: express.port, path, alice: [one, two], others };
        site.log_in();
        let expired = doc! { "expires": { "$lt": now() } };
        assert_eq!((db.count(&collection, doc! {}), db.count(&collection, expired)), (5, 0));

        let arguments = ["expire", "--user", ALICE, "--yes", "-o", "json", "-c", &collection];
        let report = db.sessionctl(&arguments).exits(0).json();
        assert_eq!(report["expired"], 2, "{collection} {report}");
        let expired = doc! { "expires": { "$lt": now() } };
        assert_eq!((db.count(&collection, doc! {}), db.count(&collection, expired)), (5, 2));
        for browser in site.alice {
            site.is(browser, None, 1);
        }
        for (browser, user) in site.others {
            site.is(browser, user, 2);
        }
        // Neither comes back by the next request, and both can log in again.
        site.is(site.alice[0], None, 2);
        let [browser, _] = site.alice;
        browser.post(site.port, &format!("{}/login?user={ALICE}", site.path));
        site.is(browser, Some(ALICE), 1);
    }
}
