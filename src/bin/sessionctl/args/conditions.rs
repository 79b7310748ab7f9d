//! The language of `--where`: `role=admin`, `cart.total>=100`, `ip in 203.0.113.0/24`.

use bson::DateTime;
use sessionctl::query::{Comparison, Condition, Network, Operand, Pattern, Test};

use super::times::{Time, time};

/// A condition as typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Where {
    pub path: String,
    test: Typed,
    /// The operator and its operand.
    pub operator: Operator,
    pub operand: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Typed {
    Test(Test),
    /// Its time may be relative to the server's clock.
    Time(Comparison, Time),
}

/// How a path is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equals,
    Differs,
    Matches,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Present,
    Absent,
}

impl Operator {
    /// The operators between a path and an operand. The longer ones come first, because `<` also
    /// begins `<=`.
    const BETWEEN: [Self; 7] = [
        Self::Differs,
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Equals,
        Self::Matches,
        Self::Less,
        Self::Greater,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::Differs => "!=",
            Self::Absent => "!",
            Self::Matches => "~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => " in ",
            Self::Present => "",
        }
    }

    fn comparison(self) -> Option<Comparison> {
        match self {
            Self::Less => Some(Comparison::Less),
            Self::LessOrEqual => Some(Comparison::LessOrEqual),
            Self::Greater => Some(Comparison::Greater),
            Self::GreaterOrEqual => Some(Comparison::GreaterOrEqual),
            _ => None,
        }
    }
}

/// Splits a condition into path, operator and operand. The first operator counts, because the
/// operand may contain others. One space on each side of it is ignored.
pub fn split(text: &str) -> (&str, Operator, &str) {
    let operator = text.char_indices().find_map(|(at, _)| {
        let found = Operator::BETWEEN.iter().find(|one| text[at..].starts_with(one.text()))?;
        Some((at, *found))
    });
    if let Some((at, operator)) = operator {
        let (path, operand) = (&text[..at], &text[at + operator.text().len()..]);
        return match (path.strip_suffix(' '), operand.strip_prefix(' ')) {
            (Some(path), Some(operand)) => (path, operator, operand),
            _ => (path, operator, operand),
        };
    }
    match (text.rsplit_once(" in "), text.strip_prefix('!')) {
        (Some((path, range)), _) => (path, Operator::In, range),
        (None, Some(path)) => (path, Operator::Absent, ""),
        (None, None) => (text, Operator::Present, ""),
    }
}

/// A condition of `--where`.
pub fn condition(text: &str) -> Result<Where, String> {
    const FORMS: &str = "expected PATH=VALUE, !=, ~REGEX, <, <=, >, >=, PATH in CIDR, PATH or !PATH; \
                         such as cart.total>=100";
    let (path, operator, operand) = split(text);
    if path.trim().is_empty() {
        return Err(FORMS.to_owned());
    }
    let test = match (operator, operator.comparison()) {
        (_, Some(comparison)) => match Operand::number(operand) {
            Some(number) => Typed::Test(Test::Compares(comparison, number)),
            None => match time(operand.trim()) {
                Ok(time) => Typed::Time(comparison, time),
                Err(_) => {
                    let forms = "expected a number or a time after";
                    return Err(format!("{forms} {}, such as 100 or -7d", operator.text()));
                }
            },
        },
        (Operator::Differs, _) => Typed::Test(Test::Differs(operand.to_owned())),
        (Operator::Matches, _) => Typed::Test(Test::Matches(Pattern::new(operand)?)),
        (Operator::In, _) => Typed::Test(Test::In(operand.trim().parse::<Network>()?)),
        (Operator::Present, _) => Typed::Test(Test::Present),
        (Operator::Absent, _) => Typed::Test(Test::Absent),
        _ => Typed::Test(Test::Equals(operand.to_owned())),
    };
    Ok(Where { path: path.to_owned(), test, operator, operand: operand.to_owned() })
}

impl Where {
    /// The condition, with a relative time resolved against the server's clock.
    pub fn resolve(&self, now: DateTime) -> Condition {
        let test = match &self.test {
            Typed::Test(test) => test.clone(),
            Typed::Time(comparison, time) => {
                Test::Compares(*comparison, Operand::Time(time.resolve(now)))
            }
        };
        Condition { path: self.path.clone(), test }
    }

    /// The time to compare with, if the operand is one.
    pub fn instant(&self, now: DateTime) -> Option<DateTime> {
        match &self.test {
            Typed::Time(_, time) => Some(time.resolve(now)),
            Typed::Test(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn test(text: &str) -> Test {
        condition(text).unwrap().resolve(DateTime::from_millis(1_000_000)).test
    }

    #[test]
    fn each_operator_is_read() {
        assert_eq!(split("a.b=c=d"), ("a.b", Operator::Equals, "c=d"));
        assert_eq!(split("role = admin"), ("role", Operator::Equals, "admin"));
        assert_eq!(split("role= admin"), ("role", Operator::Equals, " admin"));
        assert_eq!(split("a!=b"), ("a", Operator::Differs, "b"));
        assert_eq!(split("agent~curl/[0-9]+=?"), ("agent", Operator::Matches, "curl/[0-9]+=?"));
        assert_eq!(split("a <= 5"), ("a", Operator::LessOrEqual, "5"));
        assert_eq!(split("ip in 10.0.0.0/8"), ("ip", Operator::In, "10.0.0.0/8"));
        assert_eq!(split("!mfa"), ("mfa", Operator::Absent, ""));
        assert_eq!(split("mfa"), ("mfa", Operator::Present, ""));
        let time = |millis| Operand::Time(DateTime::from_millis(millis));
        assert_eq!(test("at<-10s"), Test::Compares(Comparison::Less, time(990_000)));
        let wanted = Test::Compares(Comparison::GreaterOrEqual, time(86_400_000));
        assert_eq!(test("at>=1970-01-02"), wanted);
        assert_eq!(test("n>-10"), Test::Compares(Comparison::Greater, Operand::Integer(-10)));
        assert_eq!(test("a="), Test::Equals(String::new()));
    }

    #[test]
    fn what_cannot_be_right_is_refused_when_it_is_typed() {
        for (wrong, why) in [
            ("", "expected PATH=VALUE"),
            ("=x", "expected PATH=VALUE"),
            ("!", "expected PATH=VALUE"),
            ("!=x", "expected PATH=VALUE"),
            ("a<", "expected a number or a time after <"),
            ("a>=many", "expected a number or a time after >="),
            ("a<inf", "expected a number or a time after <"),
            ("a~(b", "not a regular expression: unclosed group"),
            ("a~(b{100}){1000}", "too large"),
            ("ip in 10.0.0.0/99", "expected a range of addresses"),
            ("ip in office", "expected a range of addresses"),
        ] {
            let error = condition(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    proptest! {
        /// Whatever is typed is read or refused, and what is read is what was typed.
        #[test]
        fn a_condition_is_read_back_as_it_was_typed(path in "[a-z][a-z0-9._*]{0,8}", operand in "\\PC{0,12}") {
            for operator in Operator::BETWEEN {
                let text = format!("{path}{}{operand}", operator.text());
                // `a<` before `=b` is another operator, and `a` before ` b` none that is kept.
                let (read_path, read_operator, read) = split(&text);
                prop_assert_eq!(read_path, &path);
                let read_text = format!("{}{read}", read_operator.text());
                prop_assert_eq!(read_text, format!("{}{operand}", operator.text()));
                if let Ok(typed) = condition(&text) {
                    prop_assert_eq!((typed.path, typed.operator), (path.clone(), read_operator));
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,24}") {
            let (path, operator, operand) = split(&text);
            prop_assert!(text.contains(path) && text.contains(operand) && text.contains(operator.text().trim()));
            let _ = condition(&text);
        }
    }
}
