use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::view::tests::{key, view};
use super::*;

/// The lines of the screen.
fn drawn(view: &mut View, size: (u16, u16)) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(view, true, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| -> String { (0..size.0).map(|x| buffer[(x, y)].symbol()).collect() };
    (0..size.1).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn it_is_drawn_in_every_size_and_mode() {
    for keys in ["", "x", "?", "/", "s", "jjjjj"] {
        for width in (0..60).chain([80, 200]) {
            for height in (0..14).chain([24, 60]) {
                let mut view = view();
                keys.chars().for_each(|letter| drop(view.key(key(letter))));
                if width > 0 && height > 0 {
                    drawn(&mut view, (width, height));
                } else {
                    let area = Rect::new(0, 0, width, height);
                    paint(&mut view, true, area, &mut Buffer::empty(area));
                }
            }
        }
    }
}

#[test]
fn a_screen_of_80_by_24_says_everything() {
    let mut view = view();
    view.age = std::time::Duration::from_secs(1);
    let screen = drawn(&mut view, (80, 24));
    let expected = [
        "shop.sessions (connect-mongo-json)  every 2s",
        "live 85  expired 150  endless 2  malformed 3  all 240  counted 5s ago",
        "created 1.5/s  removed 0.5/s  oldest expired 23d ago",
        "no TTL index  TTL monitor every 60s  150 passes, 1,234 deleted (+234)",
        "no sweeper",
        "ID            STATE  EXPIRES  TOUCHED  CREATED  USER  BYTES",
        "aaaaaaaaaaaa  live   in 60s   -        -        42       95",
        "bbbbbbbbbbbb  live   in 60s   -        -        42       95",
        "cccccccccccc  live   in 60s   -        -        42       95",
        "",
    ];
    assert_eq!(screen[..10], expected);
    let keys = "q quit  ? help  / filter  s state  Enter inspect  x log out  p pause";
    assert_eq!(screen[23], keys);
}

#[test]
fn a_small_screen_says_less_and_keeps_the_rows() {
    let mut view = view();
    view.key(key('j'));
    view.key(key('j'));
    let expected = [
        "shop.sessions (connect-mongo-json)",
        "live 85  expired 150  endless 2",
        "ID            STATE  EXPIRES  USER",
        // The selected one is among the two that fit.
        "bbbbbbbbbbbb  live   in 60s   42",
        "cccccccccccc  live   in 60s   42",
        "q quit  ? help  / filter  s state  Enter",
    ];
    assert_eq!(drawn(&mut view, (40, 6)), expected);
    let screen = drawn(&mut view, (40, 10));
    assert_eq!(screen[2], "malformed 3  all 240  counted 4s ago");
    assert_eq!(screen[5], "ID            STATE  EXPIRES  USER");
}

#[test]
fn a_question_stands_whole_at_the_foot() {
    let mut view = view();
    view.key(key('x'));
    let screen = drawn(&mut view, (80, 24));
    assert_eq!(
        screen[22..],
        [
            "Log out session aaaaaaaaaaaa of user 42 in shop.sessions? The document stays",
            "until it is swept. [y/N]",
        ]
    );
    assert!(view.question_was_drawn());
    view.key(key('n'));
    view.key(key('x'));
    drawn(&mut view, (80, 1));
    assert!(!view.question_was_drawn());
}

#[test]
fn unknowns_and_a_server_that_is_away_are_told_and_nothing_hostile_is_drawn() {
    let mut view = view();
    let error = || sessionctl::Error::Unsupported("it may\u{1b}[2J not".to_owned());
    let snapshot = view.snapshot.as_mut().unwrap();
    (snapshot.sessions, snapshot.rates) = (Err(error()), Err(error()));
    (snapshot.passes, snapshot.monitor, snapshot.sweeper) =
        (Err(error()), Err(error()), Err(error()));
    view.counts = Some(Err(error()));
    view.trouble = Some("no server answered".to_owned());
    view.age = std::time::Duration::from_secs(7);
    let screen = drawn(&mut view, (80, 24));
    let expected = [
        "shop.sessions (connect-mongo-json)  every 2s",
        "no server answered; showing data from 7s ago",
        "states unknown  all unknown",
        "created unknown  removed unknown  oldest expired unknown",
        "TTL index unknown  TTL monitor unknown  passes unknown",
        "sweeper unknown",
    ];
    assert_eq!(screen[..6], expected);
    view.key(key('?'));
    let help = drawn(&mut view, (80, 40)).join("\n");
    assert!(help.contains("the sweeper: it may\\u001b[2J not"), "{help}");
}

#[test]
fn without_color_there_is_none() {
    let area = Rect::new(0, 0, 80, 24);
    let colors = |color| {
        let mut buffer = Buffer::empty(area);
        paint(&mut view(), color, area, &mut buffer);
        buffer.content.iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(colors(true) > 0);
    assert_eq!(colors(false), 0);
}

#[test]
fn long_lines_are_folded_between_words_and_wide_letters_are_not_cut() {
    assert_eq!(fold("one two three", 7), ["one two", "three"].map(str::to_owned));
    assert_eq!(fold("abcdefgh", 3), ["abc", "def", "gh"].map(str::to_owned));
    assert_eq!(fold("本本本", 5), ["本本", "本"].map(str::to_owned));
    assert_eq!(fold("", 5), [String::new()]);
}
