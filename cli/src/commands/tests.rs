use std::time::Duration;

use clap::Parser as _;
use parley_protocol::http::SignUp;
use relay_server::Server;
use relay_server::config::Config;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody with an account at a relay of their own, and what was typed.
async fn typed(folder: &std::path::Path, line: &[&str]) -> (Session, Option<Command>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::open(listener, Config { data: folder.join("relay"), ..Config::default() }).unwrap();
    tokio::spawn(server.serve(CancellationToken::new()));
    let profile = folder.join("profile").display().to_string();
    let cli = Cli::try_parse_from([&["parley", "--json", "--profile", &profile], line].concat()).unwrap();
    let session = Session::open(&cli.global, Out::new(true)).await.unwrap();
    let request = SignUp {
        username: "alice".to_owned(),
        email: "alice@example.org".to_owned(),
        password: "correct horse battery".to_owned(),
        invite: None,
        device_name: None,
    };
    session.engine.sign_up(&relay, request).await.unwrap();
    (session, cli.command)
}

/// Its events just stop: whoever waits for the next one would wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_goes_on_ends_with_the_engine_and_says_so() {
    for line in [&["listen"][..], &["listen", "--count", "3"], &["topic", "sub", "news"]] {
        let folder = tempfile::tempdir().unwrap();
        let (session, command) = typed(folder.path(), line).await;
        let engine = session.engine.clone();
        let fails = async {
            let deadline = Instant::now() + PATIENCE;
            while line[0] == "topic" && !matches!(engine.subscribers("news").await, Ok(1)) {
                assert!(Instant::now() < deadline, "it never subscribed");
            }
            // Whatever it asks first has been answered.
            for _ in 0..20 {
                engine.connection().await.unwrap();
            }
            engine.fail().await;
        };
        let both = async { tokio::join!(carry_out(&session, command), fails).0 };
        let failure = timeout(PATIENCE, both).await.expect("it ends").expect_err("nothing was done");
        assert_eq!((failure.exit(), failure.code()), (1, "closed"), "{line:?}");
    }
}
