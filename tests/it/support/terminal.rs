//! The program on a terminal of its own, under `script`.

use std::process::{Command, Stdio};

use super::waiting::becomes;
use super::{Program, Run, Running};

impl Program {
    /// Runs it on a terminal of its own and types each answer when its question is on the screen.
    ///
    /// An answer that is a signal, such as Ctrl-C, makes the terminal drop what nobody has read yet:
    /// its question has to be the last thing that the program prints.
    #[track_caller]
    pub fn on_terminal(self, answers: &[(&str, &str)]) -> Run {
        // Some shells stay beside the program, and a Ctrl-C ends them before it.
        self.typed_on_terminal("exec $sessionctl", answers)
    }

    /// The same for a whole line of shell, in which `$sessionctl` is the program with its arguments.
    #[track_caller]
    pub fn typed_on_terminal(self, shell: &str, answers: &[(&str, &str)]) -> Run {
        let mut running = self.start_on_terminal(shell);
        for (question, answer) in answers {
            running.await_printed(question);
            running.types(answer);
        }
        running.wait()
    }

    /// Starts the line of shell there, to be watched; what it prints is the screen.
    pub fn start_on_terminal(self, shell: &str) -> Running {
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
        Running::of(format!("{self} on a terminal"), child)
    }
}

/// Types a line of shell, answers its question with yes or the namespace, and what follows each of the
/// `prompts`, once. Not every line asks.
#[track_caller]
pub fn type_on_terminal(
    program: Program,
    line: &str,
    namespace: &str,
    prompts: &[(String, String)],
) -> Run {
    let mut running = program.start_on_terminal(line);
    let question = [("[y/N]".to_owned(), "y\r".to_owned())];
    let typing = [(format!("Type {namespace}"), format!("{namespace}\r"))];
    let mut open: Vec<_> = question.iter().chain(&typing).chain(prompts).collect();
    becomes(
        &format!("{line} ended"),
        || {
            let screen = running.printed();
            open.retain(|(prompt, answer)| {
                let asks = screen.contains(prompt.as_str());
                if asks {
                    running.types(answer);
                }
                !asks
            });
            (running.has_ended(), screen)
        },
        |(has_ended, _)| *has_ended,
    );
    running.wait()
}
