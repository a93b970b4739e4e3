-- The workspace API: each route is one function here, which asks `authorise` first. Its arguments come as one object: what the
-- path, the query and the body said, read and checked already. It answers `{"body": …, "next": …}`, where `next` is the position
-- of a listing's next page, or `{"refused": "code", "detail": …, "members": {…}}`.

-- How the API writes a moment.
create function api_time(p_at timestamptz) returns text
language sql stable parallel safe as $$
    select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- How the API writes money: what it costs, whatever sign the carrier puts before it.
create function api_money(p_amount numeric, p_currency text) returns jsonb
language sql immutable parallel safe as $$
    select case when p_amount is not null then jsonb_build_object(
        'amount', abs(p_amount)::text, 'currency', coalesce(upper(p_currency), 'USD')) end
$$;

create function api_refused(p_code text, p_detail text default null, p_members jsonb default '{}') returns jsonb
language sql immutable parallel safe as $$
    select jsonb_build_object('refused', p_code, 'detail', p_detail, 'members', p_members)
$$;

create function api_done(p_body jsonb) returns jsonb
language sql immutable parallel safe as $$
    select jsonb_build_object('body', p_body)
$$;

-- A page of rows that were read with one more than fits: that one only says that there is a next page.
create function api_page(p_rows jsonb[], p_keys jsonb[], p_limit integer) returns jsonb
language sql immutable parallel safe as $$
    select case when cardinality(p_rows) > p_limit
        then jsonb_build_object('body', to_jsonb(p_rows[1:p_limit]), 'next', p_keys[p_limit])
        else jsonb_build_object('body', to_jsonb(coalesce(p_rows, '{}'))) end
$$;

-- A text as part of a pattern of `like`.
create function api_pattern(p_text text) returns text
language sql immutable parallel safe as $$
    select '%' || replace(replace(replace(p_text, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;
