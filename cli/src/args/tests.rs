use clap::CommandFactory as _;

use super::*;

fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["parley"], line].concat())
}

#[test]
fn the_command_line_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_before_and_after_the_command() {
    for line in [["--json", "chats"], ["chats", "--json"]] {
        assert!(parse(&line).unwrap().global.json);
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    for line in [
        vec!["new", "--public", "--group", "Tea"],
        vec!["new", "--group", "Tea", "--channel", "Tea"],
        vec!["rename", "Tea"],
        vec!["role", "Tea", "bob", "king"],
        vec!["mute", "Tea", "--for", "soon"],
        vec!["history", "Tea", "-n", "0"],
        vec!["signup", "alice", "--password", "secret"],
        vec!["send"],
        vec!["block"],
        vec!["block", "bob", "--list"],
        vec!["verify", "--list", "--off"],
        vec!["account", "--yes"],
    ] {
        let error = parse(&line).expect_err(&line.join(" "));
        assert_eq!(error.exit_code(), 2, "{line:?}");
    }
}

#[test]
fn status_gives_links_a_moment_unless_told_otherwise() {
    for (line, seconds) in [(&["status"][..], 1), (&["status", "--wait", "0"], 0)] {
        let Some(Command::Status { wait }) = parse(line).unwrap().command else { panic!() };
        assert_eq!(wait, seconds);
    }
}

#[test]
fn a_password_is_never_an_argument() {
    fn look(command: &clap::Command) {
        for arg in command.get_arguments() {
            assert!(!arg.get_id().as_str().contains("password"), "{} {}", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(look);
    }
    look(&Cli::command());
}

#[test]
fn words_of_a_message_need_no_quotes() {
    let Some(Command::Send(send)) = parse(&["send", "bob", "see", "you"]).unwrap().command else { panic!() };
    assert_eq!(send.text.join(" "), "see you");
    let Some(Command::Mute { span, .. }) = parse(&["mute", "Tea", "--for", "8h"]).unwrap().command else { panic!() };
    assert_eq!(span, Some(Duration::from_secs(8 * 3_600)));
}
