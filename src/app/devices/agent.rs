//! The browser and the device of a user agent.

use woothee::parser::Parser;

/// What is shown of a user agent: names from fixed lists, never its own text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) browser: Option<&'static str>,
    pub(super) device: Option<&'static str>,
}

/// Longer than what browsers send. The rest of a longer text is not read.
const LONGEST: usize = 512;

const BROWSERS: [(&str, &str); 13] = [
    ("Chrome", "Chrome"),
    ("Firefox", "Firefox"),
    ("Safari", "Safari"),
    ("Edge", "Edge"),
    ("Opera", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Yandex Browser", "Yandex Browser"),
    ("Internet Explorer", "Internet Explorer"),
    ("Google Search App", "Google app"),
    ("Webview", "An app"),
    ("HTTP Library", "A program"),
    ("Sleipnir", "Sleipnir"),
];

impl Agent {
    pub(super) fn of(text: &str) -> Self {
        let most = text.len().min(LONGEST);
        let end = (0..=most).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let Some(found) = Parser::new().parse(&text[..end]) else { return Self::default() };
        let named = |(name, _): &&(&str, &str)| *name == found.name;
        let browser = BROWSERS.iter().find(named).map(|(_, shown)| *shown);
        Self { browser, device: device(found.os, found.category) }
    }
}

fn device(os: &str, category: &str) -> Option<&'static str> {
    let is_phone = matches!(category, "smartphone" | "mobilephone");
    Some(match os {
        "iPhone" => "iPhone",
        "iPad" => "iPad",
        "iPod" => "iPod",
        // woothee takes tablets for phones.
        "Android" => "Android device",
        "ChromeOS" => "Chromebook",
        "Mac OSX" | "Mac OS Classic" => "Mac",
        "Linux" => "Linux computer",
        "Windows Phone OS" | "Windows Phone" => "Windows phone",
        // Windows 11 calls itself Windows 10, so the version is left out.
        os if os.starts_with("Windows") => "Windows computer",
        os if os.starts_with("PlayStation") => "PlayStation",
        "BSD" | "FreeBSD" => "BSD computer",
        _ if is_phone => "Phone",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_of_today_are_recognized() {
        for (text, browser, device) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                Some("Chrome"),
                Some("Windows computer"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                Some("Edge"),
                Some("Windows computer"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
                Some("Safari"),
                Some("Mac"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
                Some("Firefox"),
                Some("Mac"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
                Some("Firefox"),
                Some("Linux computer"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
                Some("Safari"),
                Some("iPhone"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1",
                Some("Chrome"),
                Some("iPhone"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                Some("Chrome"),
                Some("Android device"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                Some("Samsung Internet"),
                Some("Android device"),
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                Some("Chrome"),
                Some("Chromebook"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
                Some("Chrome"),
                Some("Linux computer"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/143.0 Mobile/15E148 Safari/605.1.15",
                Some("Firefox"),
                Some("iPhone"),
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
                Some("Safari"),
                Some("iPad"),
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0",
                Some("Firefox"),
                Some("Android device"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                Some("Chrome"),
                Some("Android device"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0",
                Some("Edge"),
                Some("Android device"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0",
                Some("Opera"),
                Some("Windows computer"),
            ),
        ] {
            assert_eq!(Agent::of(text), Agent { browser, device }, "{text:.200}");
        }
    }

    #[test]
    fn bots_programs_and_made_up_texts_show_nothing_of_what_they_sent() {
        let long = format!("Mozilla/5.0 ({}) Firefox/143.0", "Windows NT 10.0; ".repeat(10_000));
        for (text, browser, device) in [
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                None,
                None,
            ),
            (
                "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                None,
                None,
            ),
            ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", None, None),
            ("curl/8.14.1", Some("A program"), None),
            ("python-requests/2.32.5", None, None),
            ("", None, None),
            ("-", None, None),
            ("Firefox", None, None),
            ("Chrome/140.0.0.0\r\nSet-Cookie: a=b", None, None),
            ("\0\u{202e}\u{1f600}", None, None),
            // The name stands behind what is read.
            (&long, None, Some("Windows computer")),
            ("<script>alert(1)</script>", None, None),
            ("Chrom\u{e9}".repeat(200).as_str(), None, None),
        ] {
            assert_eq!(Agent::of(text), Agent { browser, device }, "{text:.200}");
        }
    }
}
