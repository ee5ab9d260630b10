//! As much of PromQL as is needed to know what a query asks for.

use std::iter::Peekable;
use std::str::Chars;

/// A label and what it is held against.
pub type Matcher = (String, String);

/// What a query asks for.
#[derive(Debug, Default, PartialEq)]
pub struct Query {
    /// Each metric with its matchers: label and value.
    pub metrics: Vec<(String, Vec<Matcher>)>,
    /// Labels by which something is grouped or matched.
    pub grouped: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Words of the language that name no metric.
const OPERATORS: [&str; 9] = [
    "and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "default",
];

/// Words before a list of labels.
const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut chars = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => tokens.push(Token::Text(quoted(&mut chars, c, text)?)),
            c if c.is_ascii_digit() || c == '.' => {
                while chars
                    .next_if(|c| c.is_ascii_alphanumeric() || *c == '.')
                    .is_some()
                {}
            }
            // A variable of the dashboard stands for a duration or a value.
            '$' => {
                while chars
                    .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .is_some()
                {}
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut word = c.to_string();
                while let Some(c) =
                    chars.next_if(|c| c.is_ascii_alphanumeric() || "_:".contains(*c))
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Sign(c)),
        }
    }
    Ok(tokens)
}

fn quoted(chars: &mut Peekable<Chars<'_>>, end: char, text: &str) -> Result<String, String> {
    let mut inside = String::new();
    while let Some(c) = chars.next() {
        match c {
            c if c == end => return Ok(inside),
            '\\' => inside.extend(chars.next()),
            c => inside.push(c),
        }
    }
    Err(format!("a quote is not closed in {text}"))
}

/// What `text` asks for.
pub fn queried(text: &str) -> Result<Query, String> {
    let tokens = tokens(text)?;
    balanced(&tokens).map_err(|why| format!("{why} in {text}"))?;
    let mut query = Query::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else {
            if *token == Token::Sign('{') {
                let (matchers, after) = matchers(&tokens, at)?;
                let metric = query
                    .metrics
                    .last_mut()
                    .ok_or("matchers without a metric")?;
                metric.1 = matchers;
                at = after;
            }
            continue;
        };
        let calls = tokens.get(at) == Some(&Token::Sign('('));
        if LISTS.contains(&word.as_str()) && calls {
            while let Some(token) = tokens.get(at).filter(|t| **t != Token::Sign(')')) {
                if let Token::Word(label) = token {
                    query.grouped.push(label.clone());
                }
                at += 1;
            }
        } else if !calls && !OPERATORS.contains(&word.to_lowercase().as_str()) {
            // An aggregation may have its labels before its argument.
            let lists = matches!(tokens.get(at), Some(Token::Word(w)) if LISTS.contains(&&**w));
            if !lists || word.contains("coordinator") {
                query.metrics.push((word.clone(), Vec::new()));
            }
        }
    }
    Ok(query)
}

/// The matchers after a brace, and where they end.
fn matchers(tokens: &[Token], mut at: usize) -> Result<(Vec<Matcher>, usize), &'static str> {
    let mut found = Vec::new();
    let mut label = None;
    loop {
        match tokens.get(at).ok_or("a brace is not closed")? {
            Token::Sign('}') => return Ok((found, at + 1)),
            Token::Word(word) => label = Some(word.clone()),
            Token::Text(text) => {
                found.push((label.take().ok_or("a value without a label")?, text.clone()));
            }
            Token::Sign(_) => {}
        }
        at += 1;
    }
}

fn balanced(tokens: &[Token]) -> Result<(), String> {
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Sign('(') => open.push(')'),
            Token::Sign('[') => open.push(']'),
            Token::Sign('{') => open.push('}'),
            Token::Sign(c @ (')' | ']' | '}')) if open.pop() != Some(*c) => {
                return Err(format!("`{c}` closes nothing"));
            }
            _ => {}
        }
    }
    open.pop()
        .map_or(Ok(()), |c| Err(format!("`{c}` is missing")))
}

#[test]
fn queries_are_understood() {
    let text = "sum by (a, le) (rate(m_total{x=\"1\",y!~\"p|q\"}[5m])) / on (b) group_left () \
                max_over_time(n[$__range:1m]) > bool 1e3 and absent(o{z='}'} offset 5m)";
    let query = queried(text).unwrap();
    let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let expected = [
        ("m_total".to_owned(), vec![pair("x", "1"), pair("y", "p|q")]),
        ("n".to_owned(), vec![]),
        ("o".to_owned(), vec![pair("z", "}")]),
    ];
    assert_eq!(query.metrics, expected);
    assert_eq!(query.grouped, ["a", "le", "b"]);
    for bad in ["sum(a", "a{b=\"c}", "a)", "a[5m)", "{x=\"1\"}"] {
        assert!(queried(bad).is_err(), "{bad}");
    }
}
