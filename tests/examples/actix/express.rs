//! One cookie for an Express application and actix-session: in a request, the cookie of
//! express-session becomes that of actix-session, and in the response the other way round. Both then
//! have the same session.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use sessionctl::express_cookie::{ExpressCookie, cookie::SameSite};

use super::app::{COOKIE_NAME, LIFETIME, Site};

pub async fn share_cookie(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let site = request.app_data::<Data<Site>>().cloned();
    let express = site.as_ref().and_then(|site| Some((&site.key, site.express.as_ref()?)));
    if let Some((key, express)) = express {
        incoming(request.headers_mut(), key, express)?;
    }
    let mut response = next.call(request).await?;
    if let Some((key, express)) = express {
        let sent = response.response().cookies().find(|cookie| cookie.name() == COOKIE_NAME);
        if let Some(sent) = sent.map(Cookie::into_owned) {
            outgoing(response.headers_mut(), sent, key, express)?;
        }
    }
    Ok(response)
}

fn incoming(headers: &mut HeaderMap, key: &Key, express: &ExpressCookie) -> Result<(), Error> {
    let sent = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let Some(id) = express.id(sent) else { return Ok(()) };
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(COOKIE_NAME, id));
    for cookie in jar.delta() {
        headers.append(COOKIE, header(&cookie.stripped().encoded().to_string())?);
    }
    Ok(())
}

fn outgoing(
    headers: &mut HeaderMap,
    sent: Cookie<'static>,
    key: &Key,
    express: &ExpressCookie,
) -> Result<(), Error> {
    let is_ours = |value: &HeaderValue| {
        let name = value.as_bytes().split(|byte| *byte == b'=').next();
        name == Some(COOKIE_NAME.as_bytes())
    };
    let others: Vec<_> =
        headers.get_all(SET_COOKIE).filter(|value| !is_ours(value)).cloned().collect();
    let mut jar = CookieJar::new();
    jar.add_original(sent);
    let cookie = match jar.private(key).get(COOKIE_NAME) {
        Some(session) => {
            let mut cookie = express.set(session.value());
            cookie.set_max_age(LIFETIME);
            cookie.set_same_site(SameSite::Lax);
            cookie
        }
        // It has no value: the user logged out.
        None => express.removal(),
    };
    headers.remove(SET_COOKIE);
    for value in others {
        headers.append(SET_COOKIE, value);
    }
    headers.append(SET_COOKIE, header(&cookie.to_string())?);
    Ok(())
}

fn header(cookie: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(cookie).map_err(ErrorInternalServerError)
}
