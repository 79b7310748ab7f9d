//! The program on a terminal of its own, under `script`.

use std::io::Write as _;
use std::process::{Command, Stdio};

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
        let mut child = script.spawn().expect("these tests need script (Debian: bsdutils)");
        let mut keyboard = child.stdin.take().unwrap();
        let mut running = Running::of(format!("{self} on a terminal"), child);
        for (question, answer) in answers {
            running.await_printed(question);
            keyboard.write_all(answer.as_bytes()).unwrap();
        }
        // The terminal stays until the program has ended.
        let run = running.wait();
        drop(keyboard);
        run
    }
}
