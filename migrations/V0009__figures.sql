-- Views beside the guide's three queries: a workspace with two numbers counts once, a released number is no success.

create view provisioning_success as
select w.subscription_tier,
       count(*) as workspaces,
       count(*) filter (where n.has_number) as with_numbers,
       round(100.0 * count(*) filter (where n.has_number) / count(*), 2) as success_rate
from workspaces w
cross join lateral (
    select exists (select 1 from workspace_phone_numbers p
                   where p.workspace_id = w.id and p.status = 'active') as has_number) n
where w.is_active and w.subscription_tier in ('professional', 'enterprise')
group by w.subscription_tier;
comment on view provisioning_success is 'per paying tier: active workspaces, those with an active number, and the share in percent';

create view phone_number_costs as
select status, count(*) as numbers,
       round(sum(case when status = 'released' then 0 else monthly_cost_cents end) / 100.0, 2) as monthly_cost
from workspace_phone_numbers
group by status;
comment on view phone_number_costs is 'numbers by status and what they cost in a month, in US dollars; released ones cost nothing';

create view inbound_messages_last_30_days as
select w.id as workspace_id, w.name, count(m.id) as message_count, max(m.created_at) as last_message_at
from workspaces w
left join conversation_messages m
  on m.workspace_id = w.id and m.direction = 'inbound' and m.created_at > now() - interval '30 days'
group by w.id, w.name;
comment on view inbound_messages_last_30_days is 'per workspace (not per name: two workspaces may share one), silent ones too';
