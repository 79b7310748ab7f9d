//! Random expressions of `--where` over random payloads, from the typed text to the rows, compared with
//! an evaluation of their own. `SESSIONCTL_LONG_TESTS=1` tries many more.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::*;

/// An expression before it is typed.
#[derive(Debug, Clone)]
enum Expression {
    Equals(String),
    Differs(String),
    /// The text, and whether it must be at the beginning and at the end.
    Matches(String, bool, bool),
    /// The operator, and the number in halves.
    Compares(&'static str, i32),
    In([u8; 4], u32),
    Present,
    Absent,
}

impl Expression {
    fn typed(&self, path: &str) -> String {
        match self {
            Self::Equals(value) => format!("{path}={value}"),
            Self::Differs(value) => format!("{path}!={value}"),
            Self::Matches(text, begins, ends) => {
                let (begin, end) = (if *begins { "^" } else { "" }, if *ends { "$" } else { "" });
                format!("{path}~{begin}{text}{end}")
            }
            Self::Compares(operator, halves) => {
                format!("{path}{operator}{}", f64::from(*halves) / 2.0)
            }
            Self::In([a, b, c, d], bits) => format!("{path} in {a}.{b}.{c}.{d}/{bits}"),
            Self::Present => path.to_owned(),
            Self::Absent => format!("!{path}"),
        }
    }

    /// Whether it holds, or `None` where the value cannot decide it.
    fn holds(&self, value: Option<&Value>) -> Option<bool> {
        let scalar = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        let is = |value: &Value, wanted: &String| {
            let shown = value.to_string();
            value.as_str() == Some(wanted) || shown == *wanted
        };
        match self {
            Self::Present => Some(value.is_some()),
            Self::Absent => Some(value.is_none()),
            Self::Equals(wanted) => value.map(|value| is(value, wanted)),
            Self::Differs(wanted) => value.map(|value| !is(value, wanted)),
            Self::Matches(text, begins, ends) => {
                let value = scalar(value?)?;
                Some(match (begins, ends) {
                    (true, true) => value == *text,
                    (true, false) => value.starts_with(text),
                    (false, true) => value.ends_with(text),
                    (false, false) => value.contains(text),
                })
            }
            Self::Compares(operator, halves) => {
                let value = match value? {
                    Value::Number(number) => number.as_f64()?,
                    Value::String(text) => {
                        text.trim().parse().ok().filter(|number: &f64| number.is_finite())?
                    }
                    _ => return None,
                };
                let doubled = value * 2.0;
                let halves = f64::from(*halves);
                Some(match *operator {
                    "<" => doubled < halves,
                    "<=" => doubled <= halves,
                    ">" => doubled > halves,
                    _ => doubled >= halves,
                })
            }
            Self::In(network, bits) => {
                let text = value?.as_str()?;
                let text = text.split(':').next()?;
                let octets: Vec<u8> =
                    text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
                let octets: [u8; 4] = octets.try_into().ok()?;
                // Bit by bit, so as not to repeat the shift that is tested.
                let bit = |of: [u8; 4], at: u32| (of[at as usize / 8] >> (7 - at % 8)) & 1;
                Some((0..*bits).all(|at| bit(octets, at) == bit(*network, at)))
            }
        }
    }

    /// Whether a missing value fulfils it.
    fn admits_nothing(&self) -> bool {
        matches!(self, Self::Differs(_))
    }
}

const PATHS: [&str; 5] = ["role", "cart.total", "tags.1", "ip", "cart"];

fn at_path<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(payload, |value, name| match value {
        Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,2}", "[0-9]", "-?[0-9]\\.5", Just("true".to_owned()), "[a-zé\"{.:-]{1,4}"]
}

fn addresses() -> impl Strategy<Value = String> {
    let octets = prop_oneof![Just(10_u8), Just(11), Just(138), any::<u8>()];
    let port = prop_oneof![Just(""), Just(":8080")];
    (octets, any::<u8>(), port).prop_map(|(first, last, port)| format!("{first}.1.2.{last}{port}"))
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => texts().prop_map(Value::from),
        5 => (-4_i64..5).prop_map(Value::from),
        1 => (-4_i32..5).prop_map(|whole| json!(f64::from(whole) + 0.5)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn payloads() -> impl Strategy<Value = Value> {
    let maybe = |value| proptest::option::weighted(0.8, value);
    let parts = (
        maybe(scalars().boxed()),
        maybe(scalars().boxed()),
        vec(scalars(), 0..3),
        maybe(addresses().prop_map(Value::from).boxed()),
    );
    parts.prop_map(|(role, total, tags, ip)| {
        let mut payload = json!({ "cookie": { "path": "/" }, "tags": tags });
        for (name, value) in [("role", role), ("ip", ip)] {
            if let Some(value) = value {
                payload[name] = value;
            }
        }
        if let Some(total) = total {
            payload["cart"] = json!({ "total": total });
        }
        payload
    })
}

fn expressions() -> impl Strategy<Value = (&'static str, Expression)> {
    let operators = proptest::sample::select(vec!["<", "<=", ">", ">="]);
    let network = (prop_oneof![Just(10_u8), Just(138), any::<u8>()], any::<u8>(), 0_u32..=32);
    let of_any = prop_oneof![
        texts().prop_map(Expression::Equals),
        texts().prop_map(Expression::Differs),
        ("[a-c0-9]{1,2}", any::<bool>(), any::<bool>())
            .prop_map(|(text, begins, ends)| Expression::Matches(text, begins, ends)),
        (operators, -9_i32..10)
            .prop_map(|(operator, halves)| Expression::Compares(operator, halves)),
        Just(Expression::Present),
        Just(Expression::Absent),
    ];
    let in_network =
        network.prop_map(|(first, last, bits)| ("ip", Expression::In([first, 1, 2, last], bits)));
    // Whole numbers, which the payloads have too: a comparison is decided by its borders.
    let operators = proptest::sample::select(vec!["<", "<=", ">", ">="]);
    let whole = (operators, -4_i32..5)
        .prop_map(|(operator, whole)| Expression::Compares(operator, 2 * whole));
    prop_oneof![
        4 => (proptest::sample::select(vec!["role", "cart.total"]), whole),
        5 => (proptest::sample::select(PATHS.to_vec()), of_any),
        1 => in_network,
    ]
}

fn agrees(
    form: Form,
    payloads: &[Value],
    (path, expression): &(&'static str, Expression),
    db: &Db,
) -> Result<(), TestCaseError> {
    let typed = expression.typed(path);
    let mut wanted = BTreeSet::new();
    let mut is_decided = false;
    for (number, payload) in payloads.iter().enumerate() {
        let value = at_path(payload, path);
        let holds = expression.holds(value);
        is_decided |= holds.is_some();
        if holds.unwrap_or(value.is_none() && expression.admits_nothing()) {
            wanted.insert(long_id(&format!("{number:04}-")));
        }
    }
    let list = ["list", "--full-ids", "-o", "json", "-n", "0", "--where", &typed];
    let run = db.sessionctl(&list);
    match is_decided {
        true => {
            prop_assert_eq!(run.code, Some(0), "{:?} {}: {:?}", form, typed, run);
            prop_assert_eq!(listed(&run), wanted, "{:?} {}", form, typed);
        }
        // Nothing that can be compared: never "no session".
        false => prop_assert_eq!(run.code, Some(1), "{:?} {}: {:?}", form, typed, run),
    }
    Ok(())
}

#[test]
fn a_random_expression_selects_what_an_evaluation_of_its_own_selects() {
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
    let cases = if is_long { 200 } else { 10 };
    // What fails is printed whole, and each case needs a collection: shrinking takes too long here.
    let config =
        Config { max_shrink_iters: 0, failure_persistence: None, cases, ..Config::default() };
    let forms = proptest::sample::select(FORMS.to_vec());
    let all = (forms, vec(payloads(), 4..40), vec(expressions(), 4..8));
    let run = TestRunner::new(config).run(&all, |(form, payloads, expressions)| {
        let db = Db::new();
        let session = |(number, payload): (usize, &Value)| {
            form.session(&long_id(&format!("{number:04}-")), at(3600), payload)
        };
        db.insert("sessions", payloads.iter().enumerate().map(session));
        expressions.iter().try_for_each(|one| agrees(form, &payloads, one, &db))
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

/// An engine that goes back would take longer than the age of the universe; one of linear time would
/// still take minutes for a large enough expression, which is refused.
#[test]
fn a_hostile_regular_expression_neither_hangs_a_command_nor_is_too_large() {
    let db = Db::new();
    let payload = json!({ "cookie": {}, "agent": format!("{}!", "a".repeat(1 << 20)) });
    db.insert("sessions", [Form::Json.session(&long_id("one-"), at(3600), &payload)]);
    for hostile in ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "a*a*a*a*b"]
    {
        let run = db.sessionctl(&["list", "-o", "json", "--where", &format!("agent~{hostile}")]);
        assert_eq!(listed(&run.exits(0)), BTreeSet::new(), "{hostile}");
    }
    for large in ["a{1000}{1000}", "((a{100}){100}){100}", "\\w{5000}"] {
        let run = db.sessionctl(&["purge", "--yes", "--where", &format!("agent~{large}")]);
        run.exits(2).says("the regular expression is too large");
    }
    assert_eq!(db.count("sessions", doc! {}), 1);
}
