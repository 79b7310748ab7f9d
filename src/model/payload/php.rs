//! PHP's `serialize()` format, the basis of Symfony and Laravel sessions. Sources: php-src
//! `ext/standard/var.c` and `var_unserializer.re`; checked with PHP 8.2.

mod date;
mod session;
#[cfg(test)]
mod tests;
mod value;

pub use session::session;
pub use value::{is_igbinary, value};
