//! The page, whose names come from whoever logged in under them: maud escapes them.

use maud::{DOCTYPE, Markup, html};
use sessionctl::SessionId;

use super::app::Visit;

/// The front page as the session `id` sees it.
pub fn front(mine: &Visit, id: &str, all: &[(SessionId, Visit)]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Sessions" }
                style { "body { font: 1rem system-ui; margin: 2rem; } td, th { padding: .2rem 1rem; text-align: left; }" }
            }
            body {
                h1 { "Sessions" }
                (who(mine))
                table {
                    tr { th { "session" } th { "user" } th { "views" } th {} }
                    @for (session, visit) in all {
                        tr {
                            // An id is as good as a password: only its beginning is shown.
                            td { code { (session.short()) } }
                            td { (visit.user.as_deref().unwrap_or("-")) }
                            td { (visit.views) }
                            td { @if session.full() == id { "this one" } }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn who(mine: &Visit) -> Markup {
    match &mine.user {
        Some(user) => html! {
            p { "You are " strong { (user) } ". " a href="/sessions" { "Your sessions" } }
            (button("/logout", "Log out"))
            (button("/logout-everywhere", "Log out everywhere"))
        },
        None => html! {
            form method="post" action="/login" {
                label { "Name " input name="user" required autofocus; }
                button { "Log in" }
            }
        },
    }
}

fn button(action: &str, text: &str) -> Markup {
    html! {
        form method="post" action=(action) style="display: inline" { button { (text) } }
    }
}
