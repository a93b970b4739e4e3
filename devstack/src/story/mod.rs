//! The main job, played through the gateway: a workspace gets its number, writes to a customer, and hears back.
//!
//! Whatever the story does to the system it does over HTTP, as Clerk, as a client with a bearer token, or as the carrier. It
//! writes SQL only where no function exists yet (a contact, a forwarding target), and reads SQL to show the rows as they stand.
//! Two things it breaks by hand: the functions' way to Postgres, and a number's URL at the carrier.
//! Every step checks what it shows; the first that does not hold ends the story with what was expected and what came.

mod calls;
mod cast;
mod consent;
mod failed;
mod figures;
mod healing;
mod messages;
mod number;
mod safety;
mod stage;
mod starter;

pub use failed::Failed;
pub use figures::Counts;
pub use stage::Page;

use uuid::Uuid;

use crate::stack::Stack;
use stage::Stage;

/// The Pro workspace, for whoever goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The number that was bought for it.
    pub phone_number: String,
    /// A customer who may be written to.
    pub customer: String,
    /// A bearer token of its admin.
    pub token: String,
}

/// What the story leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The Pro workspace.
    pub workspace: Workspace,
    /// Row counts.
    pub counts: Counts,
    /// How many steps it took.
    pub steps: u32,
}

/// Plays the whole story, once, on a new stack whose webhooks have to be signed.
///
/// # Errors
/// The first thing that is not as it should be.
pub async fn play(stack: &Stack, page: Page<'_>) -> Result<Outcome, Failed> {
    let stage = &mut Stage::open(stack, page).await?;

    stage.chapter("A Pro workspace gets its number");
    let clerk = number::clerk_creates_the_workspace(stage).await?;
    let number = &number::a_number_is_bought(stage).await?;

    stage.chapter("It writes to a customer and hears back");
    messages::sms_out(stage, number).await?;
    let reply = messages::reply_in(stage, number).await?;
    messages::mms_in(stage, number).await?;

    stage.chapter("Calls");
    calls::voicemail(stage, number).await?;
    calls::forwarded(stage, number).await?;
    calls::spoken(stage, number).await?;
    calls::connected(stage, number).await?;

    stage.chapter("STOP is honoured");
    consent::stop(stage, number).await?;
    consent::start(stage, number).await?;

    stage.chapter("A Starter workspace on the platform number");
    starter::signs_up(stage).await?;
    starter::writes_and_hears_back(stage).await?;
    starter::stranger(stage).await?;

    stage.chapter("What must not happen does not");
    safety::forged(stage, number).await?;
    safety::repeated(stage, &clerk, &reply).await?;
    safety::same_key(stage).await?;

    stage.chapter("What breaks heals");
    let sid = healing::without_postgres(stage, number).await?;
    healing::postgres_is_back(stage, number, &sid).await?;
    healing::second_path(stage, number).await?;
    healing::reconciled(stage, number).await?;

    stage.chapter("Summary");
    let counts = figures::print(stage).await?;
    Ok(Outcome {
        workspace: workspace(stack, number),
        counts,
        steps: stage.steps(),
    })
}

/// The Pro workspace with its number, and nothing else of the story.
///
/// # Errors
/// As [`play`].
pub async fn prepare(stack: &Stack) -> Result<Workspace, Failed> {
    let stage = &mut Stage::open(stack, &|_| {}).await?;
    number::clerk_creates_the_workspace(stage).await?;
    let number = number::a_number_is_bought(stage).await?;
    Ok(workspace(stack, &number))
}

fn workspace(stack: &Stack, phone_number: &str) -> Workspace {
    Workspace {
        id: cast::workspace(),
        name: cast::NAME.to_owned(),
        phone_number: phone_number.to_owned(),
        customer: cast::CUSTOMER.to_owned(),
        token: stack.token(&cast::admin()),
    }
}
