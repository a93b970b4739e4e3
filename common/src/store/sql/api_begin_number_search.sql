-- store::api::api_begin_number_search
select api_begin_number_search($1, $2, $3, $4, $5)
