-- What operators watch: figures for the dashboard and the alarms.

-- all workspaces: figures of the platform, read by the reconciler
create function platform_figures() returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'orders_needing_attention',
            -- a wish beyond the plan is its workspace's to settle
            (select count(*) from provisioning_orders where state = 'needs_attention' and reason not like 'number_limit%'),
        'numbers_active',
            (select count(*) from workspace_phone_numbers where status = 'active'),
        'numbers_monthly_cost',
            (select coalesce(sum(monthly_cost_cents), 0) / 100.0 from workspace_phone_numbers where status <> 'released'),
        'workspaces_active',
            (select count(*) from workspaces where is_active),
        'workspaces_paying',
            (select count(*) from workspaces where is_active and subscription_tier in ('professional', 'enterprise')),
        'workspaces_provisioned',
            (select count(*) from workspaces w
             where w.is_active and w.subscription_tier in ('professional', 'enterprise')
               and exists (select 1 from workspace_phone_numbers n where n.workspace_id = w.id and n.status = 'active')),
        -- what was under way when the word came is not after it: it is given five seconds
        'sent_after_stop',
            (select count(*) from opt_outs o
             join conversations c on c.business_phone = o.business_phone and c.customer_phone = o.customer_phone
              and (o.workspace_id is null or c.workspace_id = o.workspace_id)
              and c.channel <> 'call' and c.last_outbound_at is not null
             join conversation_messages m on m.conversation_id = c.id
              and m.direction = 'outbound' and m.status not in ('failed', 'unknown', 'canceled') and m.send_after is null
              and greatest(m.created_at, m.released_at, m.offered_at)
                  > greatest(o.changed_at + interval '5 seconds', now() - interval '1 day')
             where o.opted_out),
        'reports_parked',
            (select count(*) from parked_reports
             where adopted_at is null and received_at between now() - interval '1 day' and now() - interval '1 hour'))
$$;
