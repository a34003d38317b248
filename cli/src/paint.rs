//! Colours: whether there are any, and what they stand for.

use std::io::IsTerminal as _;

use parley_protocol::AccountId;

/// Colours of the 256 that can be read on a dark and on a light ground.
const NAMES: [u8; 12] = [33, 35, 37, 63, 69, 71, 98, 133, 136, 166, 168, 172];

/// Paints, or does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// As stdout and the environment want it: on a terminal, unless `NO_COLOR` is set or the terminal is dumb.
    pub(crate) fn of_stdout() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self { on: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    /// Never any colour.
    pub(crate) const fn plain() -> Self {
        Self { on: false }
    }

    /// Always colours.
    #[cfg(test)]
    pub(crate) const fn vivid() -> Self {
        Self { on: true }
    }

    fn wrap(self, sgr: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{sgr}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(crate) fn accent(self, text: &str) -> String {
        self.wrap("36", text)
    }

    /// A name, always in the same colour for the same account.
    pub(crate) fn name(self, account: AccountId, name: &str) -> String {
        let sum =
            account.as_bytes().iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        let colour = NAMES.get(sum % NAMES.len()).copied().unwrap_or(33);
        self.wrap(&format!("1;38;5;{colour}"), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_colour() {
        let account = AccountId::new();
        assert_eq!(Paint::vivid().name(account, "bob"), Paint::vivid().name(account, "bob"));
        assert!(Paint::vivid().name(account, "bob").contains("38;5;"));
    }

    #[test]
    fn without_colour_nothing_is_added() {
        let paint = Paint::plain();
        assert_eq!([paint.dim("a"), paint.bad("b"), paint.name(AccountId::nil(), "c")], ["a", "b", "c"]);
    }
}
