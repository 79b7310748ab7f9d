//! Notifies systemd: ready, reloading, stopping, alive, and a status line.
//!
//! Without a service manager, nothing is sent, and a failed notification is ignored.

use std::ffi::{OsStr, OsString};
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::console::text::{neutral, without_password};

/// In characters. systemd reads no message of more than 4096 bytes.
const LONGEST_STATUS: usize = 500;

/// How long to wait for a busy manager: long enough for READY to arrive, and short enough that a
/// hanging manager does not delay the sweep.
const PATIENCE: Duration = Duration::from_millis(100);

/// The service manager that started this process, if one did.
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    status: Mutex<Option<String>>,
}

impl Notify {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_env() -> Self {
        Self::new(|name| std::env::var_os(name))
    }

    fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        // The variables may be for the process that started this one.
        let is_mine = match variable("WATCHDOG_PID") {
            Some(_) => number("WATCHDOG_PID") == Some(std::process::id().into()),
            None => true,
        };
        let period = number("WATCHDOG_USEC").filter(|period| *period > 0 && is_mine);
        Self {
            manager: variable("NOTIFY_SOCKET").and_then(|name| manager(&name).ok()),
            watchdog: period.map(Duration::from_micros),
            status: Mutex::default(),
        }
    }

    /// Reports that the start or the reload is finished.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// Reports that the configuration is being reloaded. [`Notify::ready`] follows in any case.
    pub fn reloading(&self) {
        // systemd uses the time to match a later READY=1 to this reload (sd_notify(3)).
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Reports that the process is stopping.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Reports that the process is alive, as often as [`Notify::watchdog`] requires.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Sets the status line, which is sent if it changed.
    pub fn status(&self, text: &str) {
        let text: String = neutral(&without_password(text)).chars().take(LONGEST_STATUS).collect();
        let mut last = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&text) && self.send(&format!("STATUS={text}")) {
            *last = Some(text);
        }
    }

    /// systemd kills the process if no notification arrives for this time; half of it is a safe
    /// interval.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Whether it was sent.
    fn send(&self, message: &str) -> bool {
        let Some((socket, manager)) = &self.manager else { return false };
        socket.send_to_addr(message.as_bytes(), manager).is_ok()
    }
}

/// The address is resolved for each message, so that a restarted manager is found again.
fn manager(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use tempfile::tempdir;

    use super::*;

    fn notify(variables: &[(&str, &str)]) -> Notify {
        let find = |name: &str| Some(variables.iter().find(|(key, _)| *key == name)?.1.into());
        Notify::new(find)
    }

    fn received(manager: &UnixDatagram) -> String {
        // So that a missing message fails the test instead of blocking it.
        manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut message = [0; 4096];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    fn has_nothing(manager: &UnixDatagram) -> bool {
        manager.set_nonblocking(true).unwrap();
        let received = manager.recv(&mut [0; 64]);
        manager.set_nonblocking(false).unwrap();
        received.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[test]
    fn states_are_told_at_a_path() {
        let folder = tempdir().unwrap();
        let path: PathBuf = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
        notify.ready();
        assert_eq!(received(&manager), "READY=1");
        notify.alive();
        assert_eq!(received(&manager), "WATCHDOG=1");
        let micros = || {
            let now = clock_gettime(ClockId::Monotonic);
            i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000
        };
        let before = micros();
        notify.reloading();
        let reloading = received(&manager);
        let stamp = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!((before..=micros()).contains(&stamp.parse().unwrap()), "{stamp}");
        notify.stopping();
        assert_eq!(received(&manager), "STOPPING=1");
        assert!(has_nothing(&manager));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_abstract_socket_is_one_too() {
        let name = format!("sessionctl-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", &format!("@{name}"))]);
        notify.ready();
        assert_eq!(received(&manager), "READY=1");
    }

    #[test]
    fn a_status_is_one_line_and_told_where_it_changed() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
        notify.status("sweeping a\nREADY=1 at mongodb://u:pw@h");
        assert_eq!(received(&manager), "STATUS=sweeping a\\u000aREADY=1 at mongodb://...@h");
        notify.status("sweeping a\nREADY=1 at mongodb://u:pw@h");
        assert!(has_nothing(&manager));
        notify.status(&"é".repeat(5000));
        assert_eq!(received(&manager), format!("STATUS={}", "é".repeat(LONGEST_STATUS)));
        // A message that did not arrive is sent again, even to a restarted manager.
        drop(manager);
        fs::remove_file(&path).unwrap();
        notify.status("waiting");
        let manager = UnixDatagram::bind(&path).unwrap();
        notify.status("waiting");
        assert_eq!(received(&manager), "STATUS=waiting");
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for_for_ever() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
        let sent = (0..100_000).take_while(|_| notify.send("WATCHDOG=1")).count();
        assert!(sent < 100_000);
        assert_eq!(received(&manager), "WATCHDOG=1");
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        for variables in
            [vec![], vec![("NOTIFY_SOCKET", "/nowhere/at/all")], vec![("NOTIFY_SOCKET", "")]]
        {
            let notify = notify(&variables);
            notify.ready();
            notify.status("idle");
            notify.reloading();
            assert!(!notify.send("STOPPING=1"));
            assert_eq!(notify.watchdog(), None);
        }
        let is_asked = std::env::var_os("NOTIFY_SOCKET").is_some();
        assert_eq!(Notify::from_env().manager.is_some(), is_asked);
    }

    #[test]
    fn a_watchdog_counts_where_it_is_meant_for_this_process() {
        let own = std::process::id().to_string();
        let period = |variables: &[_]| notify(variables).watchdog();
        let usec = ("WATCHDOG_USEC", "30000000");
        assert_eq!(period(&[usec]), Some(Duration::from_secs(30)));
        assert_eq!(period(&[usec, ("WATCHDOG_PID", &own)]), Some(Duration::from_secs(30)));
        assert_eq!(period(&[usec, ("WATCHDOG_PID", "1")]), None);
        assert_eq!(period(&[usec, ("WATCHDOG_PID", "x")]), None);
        assert_eq!(period(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(period(&[("WATCHDOG_USEC", "soon")]), None);
    }
}
