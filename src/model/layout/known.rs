//! The built-in records, one file in `known/` each.

use std::sync::LazyLock;

use super::definition::Layout;
use crate::error::{Error, Result};

macro_rules! known {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("known/", $name, ".toml")))),*]
    };
}

/// The built-in records, the most common first.
pub(super) const KNOWN: [(&str, &str); 63] = known![
    "connect-mongo-json",
    "express-session-object",
    "better-auth",
    "authjs",
    "flask-session",
    "spring-jdk",
    "spring-jackson",
    "symfony",
    "laravel-mongodb",
    "laravel-database",
    "parse-server",
    "django-db",
    "django-mongoengine",
    "django-mongo-sessions",
    "express-mongodb-1",
    "express-mongodb-legacy",
    "koa-session-mongoose",
    "koa-session-mongo",
    "koa-generic-session-mongo",
    "mongoose-session",
    "express-session-mongo",
    "lucia",
    "catbox-mongodb",
    "shopify",
    "accounts-js",
    "tower-sessions",
    "axum-session",
    "async-mongodb-session",
    "actix-session-mongodb",
    "aiohttp-session-mongo",
    "sanic-session",
    "flask-mongoengine",
    "flask-mongo-sessions",
    "beaker",
    "gin-mongostore",
    "scs",
    "fiber",
    "mongo-session-store",
    "mongoid-session-store",
    "apache-session",
    "prisma-session-store",
    "librechat",
    "chat-ui",
    "yii2",
    "laminas",
    "laravel4-jenssegers",
    "laravel-1ff",
    "jetty",
    "graylog",
    "keyv",
    "session-mongoose",
    "session-mongoose-ttl",
    "sessionstore",
    "lucia-2",
    "go-session",
    "foal",
    "aiohttp-session-mongo-key",
    "catbox-mongodb-1",
    "catbox-mongodb-1-key",
    "oak-sessions",
    "async-mongodb-session-1",
    "connect-mongodb",
    "aspnet-session-state",
];

impl Layout {
    /// All built-in layouts, the most common first.
    pub fn known() -> &'static [Self] {
        static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
            let parse = |(name, text): &(&str, &str)| match Layout::from_toml(text) {
                Ok(layout) => layout,
                Err(error) => unreachable!("built-in layout {name}: {error}"),
            };
            KNOWN.iter().map(parse).collect()
        });
        &LAYOUTS
    }

    /// The built-in layout of this name.
    ///
    /// # Errors
    /// [`Error::UnknownLayout`].
    pub fn named(name: &str) -> Result<&'static Self> {
        Self::known()
            .iter()
            .find(|layout| layout.name == name)
            .ok_or_else(|| Error::UnknownLayout(name.to_owned()))
    }

    /// The text of a built-in record, which can be edited and passed to [`Layout::from_toml`].
    ///
    /// # Errors
    /// [`Error::UnknownLayout`].
    pub fn source(name: &str) -> Result<&'static str> {
        KNOWN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
            .ok_or_else(|| Error::UnknownLayout(name.to_owned()))
    }
}
