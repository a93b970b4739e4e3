-- store::preview::preview_releases
select phone_number, workspace, due_since, attempts, last_error from preview_releases($1)
