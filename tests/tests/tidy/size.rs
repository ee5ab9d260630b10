//! Rules on sizes.

use crate::source::{Source, Violation};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 100;
const COLUMNS: usize = 100;

/// Small files with one idea each.
pub fn file_length(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES {
        return Vec::new();
    }
    let message = format!("{lines} lines, at most {FILE_LINES}: split the file by idea");
    vec![source.violation(0, message)]
}

/// Lines that fit beside a diff.
pub fn line_width(source: &Source) -> Vec<Violation> {
    let too_wide = |(index, line): (usize, &str)| {
        let width = line.chars().count();
        (width > COLUMNS).then(|| Violation {
            file: source.path.clone(),
            line: index + 1,
            message: format!("{width} columns, at most {COLUMNS}: wrap the line"),
        })
    };
    source
        .text
        .lines()
        .enumerate()
        .filter_map(too_wide)
        .collect()
}

/// Functions that fit on a screen or two.
pub fn function_length(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for at in source.words("fn") {
        let after = &source.code[at + "fn".len()..];
        let is_named = after
            .trim_start()
            .starts_with(|c: char| c.is_alphabetic() || c == '_');
        if let Some(length) = body_end(after).filter(|_| is_named) {
            let lines = after[..length].matches('\n').count() + 1;
            if lines > FUNCTION_LINES {
                let message =
                    format!("a function of {lines} lines, at most {FUNCTION_LINES}: split it");
                found.push(source.violation(at, message));
            }
        }
    }
    found
}

/// Where the body ends that follows a signature; none for a mere declaration.
fn body_end(code: &str) -> Option<usize> {
    let (mut parentheses, mut braces) = (0usize, 0usize);
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' if braces == 0 => parentheses += 1,
            b')' | b']' if braces == 0 => parentheses = parentheses.saturating_sub(1),
            b';' if braces == 0 && parentheses == 0 => return None,
            b'{' if parentheses == 0 => braces += 1,
            b'}' if parentheses == 0 => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_seen() {
        let of = |lines| file_length(&Source::new("a.rs", &"x\n".repeat(lines)));
        assert_eq!(of(FILE_LINES), []);
        assert_eq!(of(FILE_LINES + 1).len(), 1);
    }

    #[test]
    fn wide_lines_are_seen() {
        let of = |width| line_width(&Source::new("a.rs", &format!("\n{}", "é".repeat(width))));
        assert_eq!(of(COLUMNS), []);
        assert_eq!(of(COLUMNS + 1)[0].line, 2);
    }

    #[test]
    fn long_functions_are_seen() {
        let of = |lines: usize| {
            let body = "    { \"}\" }\n".repeat(lines.saturating_sub(2));
            let text = format!("trait A {{ fn b(); }}\nfn c(d: [u8; 3]) -> u8 {{\n{body}}}\n");
            function_length(&Source::new("a.rs", &text))
        };
        assert_eq!(of(FUNCTION_LINES), []);
        let found = of(FUNCTION_LINES + 1);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }

    #[test]
    fn a_type_of_functions_is_none() {
        let text = format!(
            "struct A {{ b: fn(u8) -> u8 }} mod c {{ {} }}",
            "\n".repeat(200)
        );
        assert_eq!(function_length(&Source::new("a.rs", &text)), []);
    }
}
