//! Alerts and the dashboard ask only for metrics that there are, in words that Prometheus knows.

use super::*;

/// All metrics of the sweeper, including the series of a histogram.
const METRICS: [&str; 15] = [
    "sessionctl_backlog_sessions",
    "sessionctl_batch_duration_seconds_bucket",
    "sessionctl_batch_duration_seconds_count",
    "sessionctl_batch_duration_seconds_sum",
    "sessionctl_build_info",
    "sessionctl_clock_skew_seconds",
    "sessionctl_held_sessions_ended_total",
    "sessionctl_last_success_timestamp_seconds",
    "sessionctl_lease_held",
    "sessionctl_oldest_expired_age_seconds",
    "sessionctl_passes_total",
    "sessionctl_replication_lag_seconds",
    "sessionctl_sessions_deleted_total",
    "sessionctl_sweep_interval_seconds",
    "sessionctl_throttled_seconds_total",
];

fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !is_part(letter)).filter(|word| word.starts_with("sessionctl_")).collect()
}

#[test]
fn prometheus_accepts_the_rules_and_they_alert_when_they_should() {
    let arguments = ["prometheus", "--job", "sessionctl", "--uri-file", "/etc/sessionctl/uri"];
    let (folder, rules) = file("alerts.yaml", &arguments);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/alerts.test.yaml");
    let copy = folder.path().join("alerts.test.yaml");
    std::fs::copy(tests, &copy).unwrap();
    let said = tool(&["promtool", "check", "rules", &rules]);
    assert!(said.contains("SUCCESS: 9 rules found"), "{said}");
    tool(&["promtool", "test", "rules", copy.to_str().unwrap()]);
}

#[test]
fn every_alert_is_tested_and_says_what_to_run() {
    let tests = include_str!("../../deploy/alerts.test.yaml");
    let options: [&[&str]; 2] = [
        &["prometheus"],
        &[
            "prometheus",
            "--job",
            "web/sweep",
            "--intervals",
            "5",
            "--grace",
            "10m",
            "--max-lag",
            "1500ms",
            "--max-skew",
            "2",
            "--backlog",
            "7",
            "--layout",
            "lucia",
            "-d",
            "shop",
            "-c",
            "admin",
            "--uri",
            MONGOD,
        ],
    ];
    for arguments in options {
        let (_folder, path) = file("alerts.yaml", arguments);
        tool(&["promtool", "check", "rules", &path]);
        let rules = documents(&path)[0]["groups"][0]["rules"].clone();
        let rules = rules.as_array().unwrap();
        assert_eq!(rules.len(), 9);
        for rule in rules {
            let name = rule["alert"].as_str().unwrap();
            assert!(tests.contains(&format!("alertname: {name}\n        exp_alerts:")), "{name}");
            for annotation in ["summary", "description"] {
                assert!(!rule["annotations"][annotation].as_str().unwrap().is_empty(), "{rule}");
            }
            let runbook = rule["annotations"]["runbook"].as_str().unwrap();
            assert_is_a_command(runbook);
            // Without a sweeper, there is no label that names its collection.
            let names_what_was_given = runbook.ends_with("-d shop -c admin");
            assert_eq!(
                names_what_was_given,
                name == "SessionctlAbsent" && arguments.contains(&"shop"),
                "{runbook}"
            );
            let expr = rule["expr"].as_str().unwrap();
            for metric in metrics(expr) {
                assert!(METRICS.contains(&metric), "{metric} in {name}");
            }
            let selects = expr.matches("job=\"web/sweep\"").count();
            assert_eq!(selects, if arguments.len() > 1 { metric_uses(expr) } else { 0 }, "{expr}");
        }
    }
}

fn metric_uses(expr: &str) -> usize {
    expr.matches("sessionctl_").count()
}

/// The command line in a runbook is one that the program takes, and that changes nothing.
#[track_caller]
fn assert_is_a_command(runbook: &str) {
    let is_harmless =
        ["sessionctl doctor ", "--dry-run "].iter().any(|part| runbook.contains(part));
    assert!(is_harmless, "{runbook}");
    let command = runbook.trim_start_matches("date -u; ").trim_end_matches(" | grep cutoff");
    // Prometheus puts the namespace there.
    let (command, template) = command.split_once(" -d '").unwrap_or((command, ""));
    assert!(template.is_empty() || template.contains("$labels.namespace"), "{runbook}");
    let command: Vec<_> = command.split(' ').skip(1).chain(["--help"]).collect();
    Program::new(&command).run().exits(0);
}

fn dashboard(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[&["grafana"], arguments].concat())).unwrap()
}

#[test]
fn the_dashboard_shows_every_metric_and_prometheus_reads_all_of_its_queries() {
    let dashboard = dashboard(&[]);
    let mut exprs = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            exprs.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    let shown: BTreeSet<&str> = exprs.iter().flat_map(|expr| metrics(expr)).collect();
    assert_eq!(shown, METRICS.into_iter().collect());
    // What Grafana puts in their places, and promtool can read.
    let read = |expr: &String| expr.replace("$__rate_interval", "5m").replace("$namespace", ".+");
    let rules: Vec<_> = exprs
        .iter()
        .enumerate()
        .map(|(number, expr)| json!({ "record": format!("panel:{number}"), "expr": read(expr) }))
        .collect();
    let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    let (_folder, path) = written("dashboard.yaml", &rules.to_string());
    tool(&["promtool", "check", "rules", &path]);
}

#[test]
fn the_dashboard_is_whole_and_its_panels_do_not_overlap() {
    let dashboard = dashboard(&["-d", "shop", "--title", "Sessions \"here\"", "--uid", "here"]);
    assert_eq!(dashboard["title"], "Sessions \"here\"");
    assert_eq!(dashboard["uid"], "here");
    // Grafana 10.
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 38);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    assert_eq!(variables[1]["current"]["value"], json!(["shop.sessions"]));
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    assert_eq!(variables[1]["datasource"], source);
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel:#}");
        assert_eq!(panel["datasource"], source);
        let kinds = ["stat", "timeseries", "heatmap", "table"];
        assert!(kinds.contains(&panel["type"].as_str().unwrap()), "{panel:#}");
        for text in ["title", "description"] {
            assert!(!panel[text].as_str().unwrap().is_empty(), "{panel:#}");
        }
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel:#}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{panel:#}");
            }
        }
        let mut letters = BTreeSet::new();
        for target in panel["targets"].as_array().unwrap() {
            assert!(letters.insert(target["refId"].as_str().unwrap()), "{panel:#}");
            assert_eq!(target["datasource"], source);
        }
    }
}
