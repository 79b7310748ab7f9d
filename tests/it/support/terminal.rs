//! The program on a terminal of its own, under `script`.

use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use super::waiting::LONG;
use super::{Program, Run, Running};

impl Program {
    /// Runs it on a terminal of its own and types each answer when its question is on the screen.
    ///
    /// An answer that is a signal, such as Ctrl-C, makes the terminal drop what nobody has read yet:
    /// its question has to be the last thing that the program prints.
    pub fn on_terminal(self, answers: &[(&str, &str)]) -> Run {
        // Some shells stay beside the program, and a Ctrl-C ends them before it.
        self.typed_on_terminal("exec $sessionctl", answers)
    }

    /// The same for a whole line of shell, in which `$sessionctl` is the program with its arguments.
    pub fn typed_on_terminal(self, shell: &str, answers: &[(&str, &str)]) -> Run {
        let words: Vec<_> = std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let shell = shell.replace("$sessionctl", &words.join(" "));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &shell, "/dev/null"]);
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = script.spawn().expect("these tests need script (Debian: bsdutils)");
        let mut running = Running { child: Some(child) };
        let child = running.child.as_mut().unwrap();
        let (mut keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = pieces(screen);
        let mut seen = Vec::new();
        let mut answers = answers.iter();
        let mut next = answers.next();
        loop {
            match screen.recv_timeout(LONG) {
                Ok(piece) => seen.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{next:?} is still due: {:?}", String::from_utf8_lossy(&seen))
                }
            }
            // Two of them may come in one piece.
            while let Some((question, answer)) = next
                && String::from_utf8_lossy(&seen).contains(question)
            {
                keyboard.write_all(answer.as_bytes()).unwrap();
                next = answers.next();
            }
        }
        let mut run = running.wait();
        run.stdout = String::from_utf8_lossy(&seen).into_owned();
        assert_eq!(next, None, "this was never asked: {run:#?}");
        run
    }
}

/// What comes out of a pipe, as it comes.
fn pieces(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut some) {
            if sender.send(some[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}
