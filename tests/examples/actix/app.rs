//! The application: users log in with a password, see a page of their own, and log out here or
//! everywhere.

use actix_session::config::{PersistentSession, TtlExtensionPolicy};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, Form, ServiceConfig, get, post, scope};
use actix_web::{Error, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use sessionctl::Store;
use sessionctl::express_cookie::ExpressCookie;

use super::accounts::{Accounts, User};
use super::{express, page};

/// How long a session lives after the last request.
pub const LIFETIME: Duration = Duration::HOUR;
/// The name of actix-session's cookie.
pub const COOKIE_NAME: &str = "actix";

#[derive(Clone)]
pub struct Site {
    pub store: Store,
    pub accounts: Accounts,
    /// Encrypts actix-session's cookie.
    pub key: Key,
    /// The cookie of the Express application that shares the collection, if there is one.
    pub express: Option<ExpressCookie>,
}

pub fn configure(config: &mut ServiceConfig, site: Site) {
    let lifecycle = PersistentSession::default()
        .session_ttl(LIFETIME)
        .session_ttl_extension_policy(TtlExtensionPolicy::OnEveryRequest);
    let sessions = SessionMiddleware::builder(site.store.clone(), site.key.clone())
        .cookie_name(COOKIE_NAME.to_owned())
        // The example is served without TLS. A real site leaves this out.
        .cookie_secure(false)
        .session_lifecycle(lifecycle)
        .build();
    let routes = scope("")
        .wrap(sessions)
        // The last one is the first to see a request.
        .wrap(from_fn(express::share_cookie))
        .route("/", get().to(front))
        .route("/me", get().to(me))
        .route("/login", get().to(login_page))
        .route("/login", post().to(log_in))
        .route("/logout", post().to(log_out))
        .route("/logout-everywhere", post().to(log_out_everywhere));
    config.app_data(Data::new(site)).service(routes);
}

impl Site {
    /// Who is logged in. `user` is also where the Express application keeps the name.
    fn user(&self, session: &Session) -> Result<Option<User>, Error> {
        let name: Option<String> = session.get("user")?;
        Ok(name.and_then(|name| self.accounts.find(&name)))
    }
}

async fn front(site: Data<Site>, session: Session) -> Result<HttpResponse, Error> {
    let Some(user) = site.user(&session)? else { return Ok(redirect("/login")) };
    let views: u32 = session.get("views")?.unwrap_or_default();
    session.insert("views", views + 1)?;
    let sessions = site.store.sessions_of(&user.name).await.map_err(unavailable)?;
    let actions = [("/logout", "Log out"), ("/logout-everywhere", "Log out everywhere")];
    Ok(html(StatusCode::OK, page::front(&user.name, sessions.len(), &[], &actions)))
}

/// Who is logged in, for a program.
async fn me(site: Data<Site>, session: Session) -> Result<HttpResponse, Error> {
    let user = site.user(&session)?.map(|user| user.name);
    let views: Option<u32> = session.get("views")?;
    Ok(HttpResponse::Ok().json(json!({ "user": user, "views": views })))
}

async fn login_page() -> HttpResponse {
    html(StatusCode::OK, page::login(false))
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn log_in(
    site: Data<Site>,
    session: Session,
    login: Form<Login>,
) -> Result<HttpResponse, Error> {
    let Some(user) = site.accounts.check(&login.user, &login.password) else {
        return Ok(html(StatusCode::UNAUTHORIZED, page::login(true)));
    };
    // Removes data of the browser's previous user, and changes the id: an attacker who planted the old id
    // must not get this session.
    session.clear();
    session.renew();
    session.insert("user", user.name)?;
    Ok(redirect("/"))
}

async fn log_out(session: Session) -> HttpResponse {
    session.purge();
    redirect("/login")
}

async fn log_out_everywhere(site: Data<Site>, session: Session) -> Result<HttpResponse, Error> {
    if let Some(user) = site.user(&session)? {
        session.purge();
        site.store.destroy_all_of(&user.name).await.map_err(unavailable)?;
    }
    Ok(redirect("/login"))
}

fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page)
}

/// Logs the error for the operator; the browser does not see it.
#[expect(clippy::print_stderr, reason = "an example has no log")]
fn unavailable(error: sessionctl::Error) -> Error {
    eprintln!("error: {error}");
    let answer = HttpResponse::ServiceUnavailable().body("the sessions are out of reach\n");
    InternalError::from_response(error, answer).into()
}
