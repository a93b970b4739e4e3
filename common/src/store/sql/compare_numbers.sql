-- store::reconcile::compare_numbers
select finding, phone_number_id, phone_number, sid, friendly_name, is_spare from compare_numbers($1)
