//! The pages of the examples `axum_login` and `actix`. maud escapes the names.

use maud::{DOCTYPE, Markup, html};

/// What only users see. `links` are paths and their labels, and so are `actions`, which have buttons.
pub fn front(
    user: &str,
    sessions: usize,
    links: &[(&str, &str)],
    actions: &[(&str, &str)],
) -> String {
    page(&html! {
        p { "You are " strong { (user) } ", logged in with " (sessions) " session(s)." }
        @for (path, label) in links { p { a href=(path) { (label) } } }
        @for (path, label) in actions {
            form method="post" action=(path) style="display: inline" { button { (label) } }
        }
    })
}

pub fn login(was_refused: bool) -> String {
    page(&html! {
        @if was_refused { p role="alert" { "Wrong name or password." } }
        form method="post" action="/login" {
            label { "Name " input name="user" autocomplete="username" required autofocus; }
            label {
                "Password "
                input name="password" type="password" autocomplete="current-password" required;
            }
            button { "Log in" }
        }
    })
}

fn page(content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Members" }
                style { "body { font: 1rem system-ui; margin: 2rem; }" }
            }
            body { h1 { "Members" } (content) }
        }
    };
    page.into_string()
}
