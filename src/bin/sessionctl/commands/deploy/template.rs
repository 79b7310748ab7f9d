//! Files with gaps: `@name@` stands for a value.

/// Fills the gaps of `template` in one pass, so that a gap in a value is not filled.
///
/// If a line consists of a gap only, its value may have any number of lines, each of which gets the
/// indentation of the gap. If the value is empty, the line is removed.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    for line in template.split_inclusive('\n') {
        let bare = line.trim();
        let indent = &line[..line.len() - line.trim_start().len()];
        match next_gap(bare, values) {
            Some(("", value, "")) => {
                for line in value.lines() {
                    let indent = if line.is_empty() { "" } else { indent };
                    filled.extend([indent, line, "\n"]);
                }
            }
            _ => fill_line(line, values, &mut filled),
        }
    }
    filled
}

fn fill_line(line: &str, values: &[(&str, &str)], filled: &mut String) {
    let mut rest = line;
    while let Some((before, value, after)) = next_gap(rest, values) {
        filled.extend([before, value]);
        rest = after;
    }
    filled.push_str(rest);
}

/// The text before the first gap, the value of the gap, and the text after it.
fn next_gap<'a>(text: &'a str, values: &[(&str, &'a str)]) -> Option<(&'a str, &'a str, &'a str)> {
    text.match_indices('@').find_map(|(start, _)| {
        let (name, after) = text[start + 1..].split_once('@')?;
        let (_, value) = values.iter().find(|(known, _)| *known == name)?;
        Some((&text[..start], *value, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_once_and_blocks_keep_their_indentation() {
        let template = "a: @one@ @two@\n  @block@\n  @none@\nFilter=@system @one\n";
        let values = [("one", "@two@"), ("two", "2"), ("block", "x\n\n y\n"), ("none", "")];
        let wanted = "a: @two@ 2\n  x\n\n   y\nFilter=@system @one\n";
        assert_eq!(fill(template, &values), wanted);
    }
}
