//! Applications of the real frameworks, as their users would write them, on our store.

mod actix;
mod axum_login;
mod step_down;
