//! Two workspaces that have everything, and the functions in front of them.

use devstack::fixture::{Fixture, json, request, text};
use serde_json::{Value, json};
use testkit::identity::Claims;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub const SMS: &str = "/api/webhooks/signalwire/sms";
pub const STATUS: &str = "/api/webhooks/signalwire/status";
pub const CUSTOMER: &str = "+14155550101";

/// A workspace with a number.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub id: Uuid,
    pub number_id: Uuid,
    pub number: &'static str,
    pub organization: &'static str,
}

pub struct Town {
    pub fixture: Fixture,
    pub acme: Tenant,
    pub bolt: Tenant,
}

impl Town {
    /// Two professional workspaces with a number each.
    pub async fn build() -> Self {
        let fixture = Fixture::start().await;
        let acme = tenant(&fixture, "Acme", "org_acme", "+14055550001").await;
        let bolt = tenant(&fixture, "Bolt", "org_bolt", "+14055550002").await;
        Self { fixture, acme, bolt }
    }

    /// The same, each with rows in every table that belongs to a workspace.
    pub async fn furnished() -> Self {
        let town = Self::build().await;
        for tenant in [town.acme, town.bolt] {
            furnish(&town.fixture.sql, tenant).await;
        }
        town
    }

    pub async fn sms_webhook(&self) -> sms_webhook::App {
        sms_webhook::App::start_with(self.fixture.settings())
            .await
            .unwrap()
    }

    pub async fn outbound_send(&self) -> outbound_send::App {
        outbound_send::App::start_with(self.fixture.settings())
            .await
            .unwrap()
    }

    pub async fn status_callback(&self) -> status_callback::App {
        status_callback::App::start_with(self.fixture.settings())
            .await
            .unwrap()
    }

    /// A customer writes; the answer has to be a 200.
    pub async fn receive(&self, app: &sms_webhook::App, tenant: Tenant, sid: &str, body: &str) {
        let fields = [
            ("MessageSid", sid),
            ("From", CUSTOMER),
            ("To", tenant.number),
            ("Body", body),
            ("NumMedia", "0"),
        ];
        let answer = app.handle(self.fixture.webhook(SMS, &fields)).await;
        assert_eq!(answer.status(), 200, "{}", text(&answer));
    }

    /// The workspace writes to the customer; gives status and answer.
    pub async fn send(
        &self,
        app: &outbound_send::App,
        tenant: Tenant,
        key: &str,
        body: &str,
    ) -> (u16, Value) {
        let claims = Claims::of("user_1").organization(tenant.organization, "member", "x");
        let authorization = format!("Bearer {}", self.fixture.issuer.token(&claims));
        let asked = json!({ "channel": "sms", "to": CUSTOMER, "body": body, "workspaceId": tenant.id });
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
            ("idempotency-key", key),
        ];
        let body = asked.to_string();
        let event =
            testkit::runtime_api::http_event("POST", "/api/communications", "", &headers, body.as_bytes());
        let answer = app.handle(request(event)).await;
        (answer.status().as_u16(), json(&answer))
    }

    /// A connection of its own with that URL.
    pub async fn connect(&self, url: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Everything that belongs to a workspace, as text: what must not change when another is worked for.
    pub async fn belongings(&self, tenant: Tenant) -> Vec<String> {
        let mut all = Vec::new();
        for (table, condition) in tenant_tables(&self.fixture.sql).await {
            let ask = format!(
                "select '{table}: ' || to_jsonb(t)::text from {table} t where {} order by 1",
                condition.replace("acting_for()", &format!("'{}'", tenant.id)),
            );
            let rows = self.fixture.sql.query(&ask, &[]).await.unwrap();
            all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
        all
    }
}

async fn tenant(fixture: &Fixture, name: &str, organization: &'static str, number: &'static str) -> Tenant {
    let id = fixture.workspace(name, "professional", organization).await;
    Tenant {
        id,
        number_id: fixture.number(id, number, "primary").await,
        number,
        organization,
    }
}

/// The tables that belong to workspaces, and how their rows say to whose.
pub async fn tenant_tables(sql: &Client) -> Vec<(String, String)> {
    let ask = "select c.relname::text,
                      case when c.relname = 'workspaces' then 'id = acting_for()'
                           when c.relname = 'voice_settings' then
                               'phone_number_id in (select n.id from workspace_phone_numbers n where n.workspace_id = acting_for())'
                           else 'workspace_id = acting_for()' end
               from pg_class c
               where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                 and (c.relname in ('workspaces', 'voice_settings')
                      or exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped))
               order by 1";
    let rows = sql.query(ask, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Puts rows into the tables that a number alone leaves empty.
async fn furnish(sql: &Client, tenant: Tenant) {
    let Tenant {
        id,
        number_id,
        number,
        organization,
    } = tenant;
    sql.batch_execute(&format!(
        "insert into voice_settings (phone_number_id, forward_to, greeting) values ('{number_id}', '{{+14155559999}}', 'This is {organization}');
         insert into contacts (workspace_id, first_name, phone) values ('{id}', '{organization}', '{CUSTOMER}');
         insert into conversations (id, workspace_id, channel, phone_number_id, business_phone, customer_phone, last_message_at)
             values (gen_random_uuid(), '{id}', 'sms', '{number_id}', '{number}', '{CUSTOMER}', now() - interval '1 hour');
         insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, segments)
             select '{id}', c.id, 'outbound', 'sent by {organization}', '{number}', '{CUSTOMER}', 'sid-of-both', 'sent', 1
             from conversations c where c.workspace_id = '{id}';
         insert into status_reports (workspace_id, message_id, external_id, status)
             select workspace_id, id, 'sid-of-both', 'sent' from conversation_messages where workspace_id = '{id}';
         insert into parked_reports (kind, external_id, report, workspace_id, adopted_at)
             values ('message', 'sid-of-both', '{{\"status\": \"sent\", \"of\": \"{organization}\"}}', '{id}', now());
         insert into opt_outs (workspace_id, business_phone, customer_phone, opted_out, word, changed_at)
             values ('{id}', '{number}', '+14155550199', true, 'STOP', now());
         insert into opt_out_changes (workspace_id, business_phone, customer_phone, opted_out, word, changed_at)
             values ('{id}', '{number}', '+14155550199', true, 'STOP', now());
         insert into idempotency_keys (workspace_id, key, request_hash, message_id)
             select workspace_id, 'key-of-both', 'x', id from conversation_messages where workspace_id = '{id}';
         insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness) values ('{number_id}', '{id}', 'ready');
         insert into provisioning_orders (id, workspace_id, origin, state, event_id, phone_number_id)
             values (gen_random_uuid(), '{id}', 'request', 'needs_attention', 'event-of-both', '{number_id}');
         insert into workspace_events (workspace_id, event_id, type) values ('{id}', 'event-of-both', 'workspace.created');
         insert into phone_number_releases (phone_number_id, workspace_id, reason, release_at, next_attempt_at)
             values ('{number_id}', '{id}', 'plan', now() + interval '30 days', now() + interval '30 days');
         insert into workspace_limits (workspace_id, messages_per_day) values ('{id}', 1000);
         insert into sending_counters (workspace_id) values ('{id}');
         insert into refusals (workspace_id, day, code) values ('{id}', current_date, 'daily_cap');
         insert into carrier_charges (external_id, workspace_id, kind, phone_number, status, occurred_at)
             values ('charge of {organization}', '{id}', 'reply', '{number}', 'sent', now());
         insert into webhook_endpoints (id, workspace_id, url, secret) values (gen_random_uuid(), '{id}', 'https://{organization}.example/', 'secret');
         insert into events (id, workspace_id, type, data) values (gen_random_uuid(), '{id}', 'message.received', '{{}}');
         insert into event_deliveries (workspace_id, event_id, endpoint_id)
             select e.workspace_id, e.id, w.id from events e join webhook_endpoints w on w.workspace_id = e.workspace_id
             where e.workspace_id = '{id}' limit 1;
         insert into event_attempts (id, workspace_id, event_id, endpoint_id, duration_ms)
             select gen_random_uuid(), workspace_id, event_id, endpoint_id, 1 from event_deliveries where workspace_id = '{id}' limit 1;
         insert into phone_number_holds (phone_number, workspace_id, held_until) values ('+1405555' || right('{number}', 4), '{id}', now());
         insert into retention_settings (workspace_id, body_days) values ('{id}', 30);
         insert into api_keys (id, workspace_id, hash, prefix, name, scopes)
             values (gen_random_uuid(), '{id}', sha256('{organization}'), 'rsk_{organization}', 'of {organization}', '{{numbers:read}}');"
    ))
    .await
    .unwrap();
}

/// SQLSTATE of a statement that is refused; `None` when it is not.
pub async fn refusal(sql: &Client, statement: &str) -> Option<String> {
    let error = sql.batch_execute(statement).await.err()?;
    Some(
        error
            .code()
            .map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    )
}

/// The first column of the only row.
pub async fn number(sql: &Client, ask: &str) -> i64 {
    sql.query_one(ask, &[])
        .await
        .unwrap_or_else(|error| panic!("{ask}: {error:?}"))
        .get(0)
}
