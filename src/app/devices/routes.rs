//! The routes of the page. A request is answered as JSON if it asks for that, and as HTML otherwise.

use std::sync::Arc;

use axum::extract::{Form, FromRequest as _, Json, OriginalUri, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LOCATION,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bson::DateTime;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Page, content_security_policy, refusal};
use super::sessions::{Device, Devices, Visitor};
use crate::error::Error;

type FindVisitor = dyn Fn(Parts) -> BoxFuture<'static, Result<Visitor, Response>> + Send + Sync;

#[derive(Clone)]
struct Mounted {
    devices: Devices,
    visitor: Arc<FindVisitor>,
}

/// The fields of both forms.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    token: String,
    handle: String,
}

impl Devices {
    /// The page, and the forms `sign-out` and `sign-out-others` below it. Mount it with
    /// [`Router::nest`], inside the layers that `visitor` needs. `nest("/sessions", ..)` serves
    /// `/sessions`, not `/sessions/`.
    ///
    /// `visitor` finds out who asks. If nobody is logged in, it returns the response to send
    /// instead, such as a redirect to the log-in.
    pub fn router<S, F, Fut>(self, visitor: F) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Visitor, Response>> + Send + 'static,
    {
        let visitor = Arc::new(move |parts| -> BoxFuture<'static, _> { Box::pin(visitor(parts)) });
        Router::new()
            .route("/", get(show))
            .route("/sign-out", post(sign_out))
            .route("/sign-out-others", post(sign_out_others))
            .layer(middleware::map_response(protected))
            .with_state(Mounted { devices: self, visitor })
    }
}

/// Neither cached, nor framed, nor read as anything else.
async fn protected(mut response: Response) -> Response {
    let policy = HeaderValue::try_from(content_security_policy());
    let headers = response.headers_mut();
    headers.extend(policy.map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(VARY, HeaderValue::from_static("accept"));
    response
}

async fn show(State(mounted): State<Mounted>, request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let devices = &mounted.devices;
    let visitor = (mounted.visitor)(parts.clone()).await?;
    let found = devices.sessions(&visitor).await.map_err(|error| failed(&parts, &error))?;
    let token = devices.token(&visitor);
    if asks_for_json(&parts.headers) {
        let sessions: Vec<Value> = found.iter().map(row).collect();
        return Ok(Json(json!({ "sessions": sessions, "token": token })).into_response());
    }
    let now = devices.store.now().await.map_err(|error| failed(&parts, &error))?;
    let page = Page {
        devices: &found,
        token: &token,
        folder: &folder(&parts),
        now,
        signed_out: signed_out(&parts, devices, &visitor),
    };
    Ok(Html(page.html()).into_response())
}

async fn sign_out(State(mounted): State<Mounted>, request: Request) -> Result<Response, Response> {
    let (parts, visitor, fields) = submitted(&mounted, request).await?;
    let ended = mounted.devices.sign_out(&visitor, &fields.handle).await;
    let ended = ended.map_err(|error| failed(&parts, &error))?;
    Ok(done(&parts, &mounted.devices, &visitor, u64::from(ended)))
}

async fn sign_out_others(
    State(mounted): State<Mounted>,
    request: Request,
) -> Result<Response, Response> {
    let (parts, visitor, _) = submitted(&mounted, request).await?;
    let ended = mounted.devices.sign_out_others(&visitor).await;
    match ended.map_err(|error| failed(&parts, &error))? {
        Some(ended) => Ok(done(&parts, &mounted.devices, &visitor, ended)),
        None => {
            let why = "This session has ended, so no other session was signed out. Log in again.";
            Err(refused(&parts, StatusCode::CONFLICT, why))
        }
    }
}

/// Who sent a form, and what is in it, if the token is that of the session.
async fn submitted(
    mounted: &Mounted,
    request: Request,
) -> Result<(Parts, Visitor, Fields), Response> {
    let (parts, body) = request.into_parts();
    let visitor = (mounted.visitor)(parts.clone()).await?;
    let request = Request::from_parts(parts.clone(), body);
    let fields = match is_json(&parts.headers) {
        true => Json::from_request(request, &()).await.map(|Json(fields)| fields).ok(),
        false => Form::from_request(request, &()).await.map(|Form(fields)| fields).ok(),
    };
    let Some(fields): Option<Fields> = fields else {
        let why = "The request is neither a form nor JSON with a token.";
        return Err(refused(&parts, StatusCode::BAD_REQUEST, why));
    };
    if !mounted.devices.is_token(&visitor, &fields.token) {
        let why = "This form is no longer valid, and nothing was signed out. Open the page again.";
        return Err(refused(&parts, StatusCode::FORBIDDEN, why));
    }
    Ok((parts, visitor, fields))
}

fn row(device: &Device) -> Value {
    let time = |date: Option<DateTime>| date.and_then(|date| date.try_to_rfc3339_string().ok());
    json!({
        "handle": device.handle,
        "current": device.current,
        "browser": device.browser,
        "device": device.device,
        "address": device.address,
        "last_seen": time(device.last_seen),
        "signed_in": time(device.signed_in),
        "expires": time(device.expires),
    })
}

/// The answer to a form. A browser is sent to the page, so that reloading does not repeat the form.
fn done(parts: &Parts, devices: &Devices, visitor: &Visitor, ended: u64) -> Response {
    if asks_for_json(&parts.headers) {
        return Json(json!({ "signed_out": ended })).into_response();
    }
    let receipt = devices.keyed.receipt(&visitor.id, ended);
    let place = format!("{}?signed-out={ended}-{receipt}", back(parts));
    match HeaderValue::try_from(place) {
        Ok(place) => (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response(),
        // The path has a character that no header can carry.
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

fn refused(parts: &Parts, status: StatusCode, why: &str) -> Response {
    match asks_for_json(&parts.headers) {
        true => (status, Json(json!({ "error": why }))).into_response(),
        false => (status, Html(refusal(why, &back(parts)))).into_response(),
    }
}

/// The cause is for the operator: a browser learns nothing of the server. A mistake of the application
/// fails at the first try, so its developer sees why.
fn failed(parts: &Parts, error: &Error) -> Response {
    tracing::error!(%error, "could not read or end the sessions of a user");
    if let Error::Unsupported(why) = error {
        let why = format!("This site cannot show or end your sessions: {why}.");
        return refused(parts, StatusCode::INTERNAL_SERVER_ERROR, &why);
    }
    let why = "The sessions cannot be read or ended at the moment. Try again later.";
    refused(parts, StatusCode::SERVICE_UNAVAILABLE, why)
}

fn has(headers: &HeaderMap, name: &axum::http::HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.into_iter().any(|value| value.to_ascii_lowercase().contains(wanted))
}

fn asks_for_json(headers: &HeaderMap) -> bool {
    has(headers, &ACCEPT, "application/json") && !has(headers, &ACCEPT, "text/html")
}

fn is_json(headers: &HeaderMap) -> bool {
    has(headers, &CONTENT_TYPE, "application/json")
}

/// The path that the browser asked for, wherever the router is mounted.
fn path(parts: &Parts) -> &str {
    parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path())
}

/// The folder of the forms, relative to the page, so that a proxy may add or remove a prefix.
fn folder(parts: &Parts) -> String {
    match path(parts).rsplit('/').next() {
        None | Some("") => String::new(),
        // A colon would make it look like a scheme.
        Some(last) => format!("./{last}/"),
    }
}

/// The page, relative to a form, or to itself.
fn back(parts: &Parts) -> String {
    if parts.method != axum::http::Method::POST {
        return String::new();
    }
    let mut segments = path(parts).rsplit('/').skip(1);
    match segments.next() {
        None | Some("") => "./".to_owned(),
        Some(folder) => format!("../{folder}"),
    }
}

/// How many sessions a form ended. Anybody can make a link to the page, so the number counts only
/// with its receipt.
fn signed_out(parts: &Parts, devices: &Devices, visitor: &Visitor) -> Option<u64> {
    let mut pairs = parts.uri.query()?.split('&');
    let (ended, receipt) =
        pairs.find_map(|pair| pair.strip_prefix("signed-out="))?.split_once('-')?;
    let ended = ended.parse().ok()?;
    (devices.keyed.receipt(&visitor.id, ended) == receipt).then_some(ended)
}
