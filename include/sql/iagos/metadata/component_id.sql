-- Number of a component. Parameters: component_type, serial_no
SELECT c.component_id
FROM component AS c
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
WHERE t.name = %(component_type)s AND c.serial_no = %(serial_no)s;
