//! `REGEX_MEMORY` holds for the most expensive expressions that are accepted. Alone in its process,
//! because what is measured is the resident memory of that.

use weir_route::{PathRule, Position, REGEX_MEMORY, Request, Rule, Table, check};

/// Ways to make an expression as large as one likes.
const FAMILIES: [fn(usize) -> String; 8] = [
    |n| format!("[ab].{{{n}}}x"),
    |n| format!("(a|ab)*(b.{{{n}}})+x$"),
    |n| "(a?)".repeat(n),
    |n| "()".repeat(n) + ".*x",
    |n| format!("(?:x{}|y)z+", "()".repeat(n)),
    |n| (0..n).map(|i| format!("{:x}", i * 7919)).collect::<Vec<_>>().join("|"),
    |n| (0..n).map(|i| format!("(k{i}word)")).collect::<Vec<_>>().join("|"),
    |n| (0..n).map(|i| format!("[a-f0-9]{i}[x-z]")).collect::<Vec<_>>().join("|"),
];

/// Tables with the largest of each family.
const COPIES: usize = 6;

/// What the allocator keeps of what was freed, and the program's own pages.
const SLACK: usize = 8 << 20;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

fn rule(path: String) -> Rule {
    let path = PathRule::Regex(path);
    Rule { host: "h".into(), path, method: None, position: Position::Tree }
}

/// The largest number that a family is accepted with.
fn largest(family: fn(usize) -> String) -> usize {
    let accepted = |n: usize| check(&rule(family(n))).is_ok();
    assert!(accepted(1));
    let (mut low, mut high) = (1, 4096);
    assert!(!accepted(high));
    while high - low > 1 {
        let middle = low.midpoint(high);
        if accepted(middle) { low = middle } else { high = middle }
    }
    low
}

/// A path as long as any that is accepted, which takes an automaton through many states.
fn long_path() -> Vec<u8> {
    let mut state = 12345_u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        b"abxk0123wordyz/"[(state >> 33) as usize % 15]
    };
    (0..8192).map(|_| next()).collect()
}

#[test]
fn an_expression_takes_no_more_than_is_said() {
    let rules: Vec<Rule> = FAMILIES.map(|family| rule(family(largest(family)))).into();
    let path = long_path();
    let before = resident();
    let mut tables = Vec::new();
    for rule in rules.iter().cycle().take(COPIES * rules.len()) {
        let mut table = Table::new();
        table.insert(rule.clone(), ()).expect("accepted");
        for path in [&path[..], &path[..100]] {
            let request = Request { host: b"h", path, method: b"GET" };
            if let Some(found) = table.lookup(&request) {
                found.captures(&request);
            }
        }
        tables.push(table);
    }
    let taken = resident().saturating_sub(before);
    assert!(taken > 0, "nothing was measured");
    let most = tables.len() * REGEX_MEMORY + SLACK;
    assert!(taken < most, "{taken} bytes for {} expressions, not {most}", tables.len());
}
