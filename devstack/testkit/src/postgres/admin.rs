//! The superuser's connection, on a thread of its own.
//!
//! Tests run on many short-lived runtimes, and a `Drop` cannot wait: so databases are created and dropped here, one
//! statement after the other, on a runtime that belongs to no test.

use std::thread;

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, Config, NoTls};

use crate::Error;

struct Job {
    statement: String,
    answer: Option<oneshot::Sender<Result<(), Error>>>,
}

/// A handle to the thread; it ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Admin {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Admin {
    /// Statements run over `config`; `greeting` is run on every new connection.
    pub(super) fn start(config: Config, greeting: Vec<String>) -> Result<Self, Error> {
        let (jobs, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("start a runtime"))?;
        thread::Builder::new()
            .name("testkit-postgres-admin".to_owned())
            .spawn(move || runtime.block_on(work(config, greeting, inbox)))
            .map_err(Error::io("start a thread"))?;
        Ok(Self { jobs })
    }

    /// Runs one statement and waits for it.
    pub(super) async fn run(&self, statement: impl Into<String>) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Failed("the superuser's connection has ended".to_owned());
        self.jobs
            .send(Job {
                statement: statement.into(),
                answer: Some(answer),
            })
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Runs one statement some time, whatever comes of it.
    pub(super) fn run_later(&self, statement: String) {
        let _ = self.jobs.send(Job {
            statement,
            answer: None,
        });
    }
}

async fn work(config: Config, greeting: Vec<String>, mut inbox: mpsc::UnboundedReceiver<Job>) {
    let mut connection: Option<Client> = None;
    while let Some(job) = inbox.recv().await {
        let result = perform(&config, &greeting, &mut connection, &job.statement).await;
        if let Some(answer) = job.answer {
            let _ = answer.send(result);
        }
    }
}

/// A server that was restarted in between costs one new connection, not an error.
async fn perform(
    config: &Config,
    greeting: &[String],
    connection: &mut Option<Client>,
    statement: &str,
) -> Result<(), Error> {
    if let Some(client) = connection.as_ref().filter(|client| !client.is_closed()) {
        match client.batch_execute(statement).await {
            Err(error) if error.as_db_error().is_none() || client.is_closed() => {}
            result => return Ok(result?),
        }
    }
    let (client, driver) = config.connect(NoTls).await?;
    tokio::spawn(driver);
    for statement in greeting {
        client.batch_execute(statement).await?;
    }
    let result = client.batch_execute(statement).await;
    *connection = Some(client);
    Ok(result?)
}
