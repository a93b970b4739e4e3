//! What a plan means for numbers and orders.

use crate::consent::{ACME, prepare};
use crate::support::{database, rows};

/// A number that is being configured is counted once, though its order is under way as well.
#[tokio::test]
async fn an_order_within_the_plan_goes_on_and_one_beyond_it_waits() {
    let database = database().await;
    let sql = prepare(&database).await;
    sql.batch_execute(&format!(
        "update workspaces set subscription_tier = 'enterprise' where id = '{ACME}';
         insert into provisioning_orders (id, workspace_id, origin, state, number_type, phone_number, phone_number_id)
             select gen_random_uuid(), workspace_id, 'plan', 'configuring', 'primary', phone_number, id from workspace_phone_numbers;
         insert into provisioning_orders (id, workspace_id, origin, state, number_type)
             values (gen_random_uuid(), '{ACME}', 'request', 'retrying', 'sales')"
    ))
    .await
    .expect("the schema takes them");
    let states = "select number_type, state from provisioning_orders order by number_type";
    for (limit, sales) in [(2, "sales | retrying"), (1, "sales | needs_attention")] {
        sql.batch_execute(&format!(
            "update workspaces set number_limit = {limit} where id = '{ACME}';
             select fit_numbers(w, 30) from workspaces w where w.id = '{ACME}'"
        ))
        .await
        .expect("it is a limit");
        assert_eq!(
            rows(&sql, states).await,
            ["primary | configuring", sales],
            "{limit}"
        );
        assert_eq!(
            rows(&sql, "select status from workspace_phone_numbers").await,
            ["active"]
        );
    }
}
