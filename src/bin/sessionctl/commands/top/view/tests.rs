use sessionctl::Key;
use sessionctl::Layout;
use sessionctl::doctor::{Monitor, Passes};
use sessionctl::index::TtlState;
use sessionctl::top::{Found, Rates};

use super::*;

pub fn key(letter: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)
}

/// A session with this id, as in a snapshot.
fn line(id: &str) -> Entry {
    let document = bson::doc! {
        "_id": id, "expires": DateTime::from_millis(NOW + 60_000),
        "session": "{\"cookie\":{},\"userId\":42}",
    };
    let raw = bson::RawDocumentBuf::try_from(&document).unwrap();
    let layout = Layout::named("connect-mongo-json").unwrap();
    let session = layout.glance(&raw, DateTime::from_millis(NOW));
    Entry { session, key: Key::from(id) }
}

const NOW: i64 = 1_795_428_000_000;
const IDS: [&str; 3] =
    ["aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc"];

fn look(ids: &[&str]) -> Snapshot {
    Snapshot {
        now: DateTime::from_millis(NOW),
        sessions: Ok(240),
        rates: Ok(Some(Rates {
            created: 15,
            removed: 5,
            over: Duration::from_secs(10),
            at_least: false,
        })),
        found: Ok(Found { entries: ids.iter().map(|id| line(id)).collect(), given_up: false }),
        passes: Ok(Passes {
            uptime: Duration::from_secs(9000),
            done: 150,
            deleted_before: 1000,
            deleted: 1234,
        }),
        monitor: Ok(Monitor { enabled: true, sleep: Duration::from_secs(60) }),
        sweeper: Ok(None),
        took: Duration::ZERO,
    }
}

/// A view with three sessions.
pub fn view() -> View {
    let mut view = View::new("shop.sessions".to_owned(), false, Duration::from_secs(2));
    view.found("connect-mongo-json", None);
    view.take_snapshot(look(&IDS), &Wanted::default(), Some(Action::Expire));
    view.take_counts(Ok(Counts {
        at: DateTime::from_millis(NOW - 4000),
        states: [150, 85, 2, 3],
        known: 240,
        oldest: Some(DateTime::from_millis(NOW - 23 * 86_400_000)),
        sample: None,
        index: TtlState::Missing,
        took: Duration::ZERO,
    }));
    view
}

fn typed(view: &mut View, text: &str) -> Act {
    text.chars().map(|letter| view.key(key(letter))).last().unwrap()
}

fn pressed(view: &mut View, code: KeyCode) -> Act {
    view.key(KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn it_is_left_by_q_escape_and_ctrl_c_and_by_ctrl_c_from_everywhere() {
    assert!(matches!(typed(&mut view(), "q"), Act::Leave));
    assert!(matches!(pressed(&mut view(), KeyCode::Esc), Act::Leave));
    for before in ["", "x", "/", "?"] {
        let mut view = view();
        before.chars().for_each(|letter| drop(view.key(key(letter))));
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(matches!(view.key(ctrl_c), Act::Leave), "{before}");
    }
    // While a filter is typed or a text is shown, these keys only end that.
    for before in ["x", "?"] {
        assert!(matches!(typed(&mut view(), &format!("{before}q")), Act::Nothing));
    }
}

#[test]
fn the_selection_stays_with_its_session_and_among_the_rows() {
    let mut view = view();
    typed(&mut view, "jjjjjj");
    assert_eq!(view.selected, 2);
    typed(&mut view, "k");
    view.take_snapshot(look(&["new", IDS[0], IDS[1], IDS[2]]), &Wanted::default(), None);
    assert_eq!((view.selected, &view.entries()[2].key), (2, &Key::from(IDS[1])));
    view.take_snapshot(look(&["new"]), &Wanted::default(), None);
    assert_eq!(view.selected, 0);
    view.take_snapshot(look(&[]), &Wanted::default(), None);
    assert!(matches!(pressed(&mut view, KeyCode::Enter), Act::Nothing));
    typed(&mut view, "jkGx");
    assert!(matches!(view.mode, Mode::Rows));
}

#[test]
fn until_it_is_moved_the_selection_is_on_the_newest() {
    let mut view = view();
    view.take_snapshot(look(&["new", IDS[0]]), &Wanted::default(), None);
    assert_eq!(view.selected, 0);
    typed(&mut view, "k");
    view.take_snapshot(look(&["newer", "new", IDS[0]]), &Wanted::default(), None);
    assert_eq!(view.selected, 1);
}

#[test]
fn a_yes_counts_only_when_its_question_was_seen_and_whole() {
    let mut ahead = view();
    assert!(matches!(typed(&mut ahead, "xy"), Act::Nothing));
    assert_eq!(ahead.notice.as_deref(), Some("nothing was changed"));

    let mut cut = view();
    typed(&mut cut, "x");
    assert!(!cut.question_was_drawn());
    assert!(matches!(typed(&mut cut, "y"), Act::Nothing));

    let mut seen = view();
    typed(&mut seen, "jx");
    seen.is_question_whole = true;
    assert!(seen.question_was_drawn(), "what was typed ahead is dropped now");
    assert!(!seen.question_was_drawn(), "and never again");
    // Another row is now in its place.
    seen.take_snapshot(look(&["new", IDS[2]]), &Wanted::default(), Some(Action::Expire));
    match typed(&mut seen, "y") {
        Act::LogOut(line, _) => assert_eq!(line.key, Key::from(IDS[1])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn anything_but_a_yes_is_a_no() {
    let codes = [KeyCode::Enter, KeyCode::Esc, KeyCode::Char('n'), KeyCode::Char('q'), KeyCode::Up];
    for code in codes {
        let mut view = view();
        typed(&mut view, "x");
        view.is_question_whole = true;
        view.question_was_drawn();
        assert!(matches!(pressed(&mut view, code), Act::Nothing), "{code:?}");
        assert!(matches!(view.mode, Mode::Rows), "{code:?}");
    }
}

#[test]
fn one_log_out_at_a_time_and_none_of_what_is_over() {
    let mut view = view();
    view.is_ending = true;
    typed(&mut view, "x");
    assert!(matches!(view.mode, Mode::Rows) && view.notice.is_some());
    view.is_ending = false;
    let mut over = look(&IDS);
    over.found.as_mut().unwrap().entries[0].session.state = State::Expired;
    view.take_snapshot(over.clone(), &Wanted::default(), Some(Action::Expire));
    typed(&mut view, "x");
    assert!(view.notice.as_ref().unwrap().contains("is already expired"), "{:?}", view.notice);
    // A store that ignores the expiry treats it as live.
    view.take_snapshot(over, &Wanted::default(), Some(Action::Delete));
    typed(&mut view, "x");
    assert!(matches!(view.mode, Mode::Question(..)));
}

#[test]
fn the_states_are_gone_through_and_a_filter_is_typed() {
    let mut view = view();
    let mut seen = Vec::new();
    for _ in 0..5 {
        assert!(matches!(typed(&mut view, "s"), Act::Ask));
        seen.push(view.wanted.state.map(State::name));
        assert_eq!(view.entries().len(), 0, "rows of another filter are not shown");
        assert!(view.is_searching, "and it is not said that there are none");
    }
    assert_eq!(seen, [Some("live"), Some("expired"), Some("endless"), Some("malformed"), None]);
    typed(&mut view, "/qjx");
    pressed(&mut view, KeyCode::Backspace);
    assert!(matches!(pressed(&mut view, KeyCode::Enter), Act::Ask));
    assert_eq!(view.wanted.text.as_deref(), Some("qj"));
    // A result for another filter comes too late.
    view.take_snapshot(look(&IDS), &Wanted::default(), None);
    assert!(view.entries().is_empty() && view.is_searching);
    let wanted = view.wanted.clone();
    view.take_snapshot(look(&IDS), &wanted, None);
    assert!(view.entries().len() == 3 && !view.is_searching);
    typed(&mut view, "/more");
    pressed(&mut view, KeyCode::Esc);
    assert_eq!(view.wanted.text.as_deref(), Some("qj"));
}

#[test]
fn the_interval_is_doubled_and_halved_within_limits_and_it_can_be_paused() {
    let mut view = view();
    typed(&mut view, "+");
    assert_eq!(view.asking().interval, Duration::from_secs(4));
    typed(&mut view, "----------");
    assert_eq!(view.asking().interval, SHORTEST);
    typed(&mut view, "p");
    assert!(view.asking().paused);
    typed(&mut view, "p");
    assert!(!view.asking().paused);
}

#[test]
fn a_count_that_fails_for_now_leaves_the_one_before() {
    let mut view = view();
    let gone = Error::NoPrimary { address: "db1".to_owned() };
    view.take_counts(Err(gone));
    assert!(view.counts.as_ref().is_some_and(Result::is_ok));
    view.take_counts(Err(Error::Unsupported("no right".to_owned())));
    assert!(view.counts.as_ref().is_some_and(Result::is_err));
}
