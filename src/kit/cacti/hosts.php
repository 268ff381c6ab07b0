<?php
/*
 * Brings Cacti's devices in line with the hosts.csv of `fleetbridge nms-kit cacti --hosts`:
 *
 *     php -q fleetbridge_hosts.php [hosts.csv]
 *
 * Without a file it reads standard input. It stands in Cacti's folder cli and runs as the user that the poller runs as. Devices of fleetbridge are known by their
 * external id, fleetbridge:NUMBER; the others are left alone. What is as it should be already is not touched, so it may run
 * as often as one likes. If a user asks by SNMPv3 (nms-kit cacti --user), SNMP_AUTH_PASSPHRASE and SNMP_PRIV_PASSPHRASE in the
 * environment are that user's pass phrases.
 */

$base = is_file(__DIR__ . '/../include/cli_check.php') ? __DIR__ . '/..' : __DIR__ . '/../site';
require($base . '/include/cli_check.php');
foreach (array('api_automation_tools', 'api_automation', 'api_device', 'api_data_source', 'api_graph', 'api_tree',
	'data_query', 'poller', 'snmp', 'template', 'utility') as $library) {
	require_once($config['base_path'] . '/lib/' . $library . '.php');
}

const KEY   = 'fleetbridge:';
const TREE  = 'fleetbridge';

/* Which rows of a data query get which graph. */
const RULES = array(
	array('fleetbridge - Point value', 'fleetbridge - Points', 'fleetbridge device', 'fbPointType', '^(integer|decimal)$'),
	array('fleetbridge - Point state', 'fleetbridge - Points', 'fleetbridge device', 'fbPointType', '^boolean$'),
	array('fleetbridge - Point count', 'fleetbridge - Points', 'fleetbridge device', 'fbPointType', '^counter$'),
	array('fleetbridge - Connection', 'fleetbridge - Connections', 'fleetbridge', 'fbAdapterName', '.'),
);

exit(main($argv));

/* The exit code: 0 done, 1 some lines were not, 2 none was. */
function main($argv) {
	global $config;

	if ($config['poller_id'] > 1) {
		db_switch_remote_to_main();
	}
	$name = isset($argv[1]) ? $argv[1] : 'php://stdin';
	$file = @fopen($name, 'r');
	if ($file === false) {
		fwrite(STDERR, "cannot read $name\n");
		return 2;
	}
	$templates = array_rekey(db_fetch_assoc('SELECT id, name FROM host_template'), 'name', 'id');
	$head      = read_row($file);
	if (!isset($templates['fleetbridge device'], $templates['fleetbridge'])) {
		fwrite(STDERR, "import fleetbridge_templates.xml first, with import_template.php\n");
		return 2;
	}
	if (!is_array($head) || !in_array('external', $head, true)) {
		fwrite(STDERR, "$name is not a hosts.csv of fleetbridge\n");
		return 2;
	}
	make_rules();

	$known = devices();
	$done  = array('added' => 0, 'changed' => 0, 'removed' => 0, 'unchanged' => 0, 'failed' => 0);
	$gone  = array();
	while (is_array($row = read_row($file))) {
		if (count($row) != count($head)) {
			$done['failed']++;
			continue;
		}
		$host   = array_combine($head, $row);
		$device = isset($known[$host['external']]) ? $known[$host['external']] : null;
		if ($host['retired'] != '') {
			if ($device !== null) {
				$gone[] = $device['id'];
			}
		} elseif ($host['address'] == '' || !isset($templates[$host['template']])) {
			fwrite(STDERR, "{$host['name']}: no address that Cacti can ask, or no such template\n");
			$done['failed']++;
		} elseif (lacks_pass_phrase($host)) {
			fwrite(STDERR, "{$host['name']}: asked by SNMPv3, so SNMP_AUTH_PASSPHRASE and SNMP_PRIV_PASSPHRASE are needed\n");
			$done['failed']++;
		} else {
			$done[save($host, $device, $templates[$host['template']])]++;
		}
	}
	foreach (array_chunk($gone, 100) as $ids) {
		api_device_remove_multi($ids);
		$done['removed'] += count($ids);
	}
	catch_up();
	foreach ($done as $what => $count) {
		print "$count $what\n";
	}
	return $done['failed'] > 0 ? 1 : 0;
}

/* A line of RFC 4180. Cacti's connection to its database knows no characters of four octets. */
function read_row($file) {
	$row = fgetcsv($file, 0, ',', '"', '');

	return is_array($row) ? preg_replace('/[\x{10000}-\x{10FFFF}]/u', "\u{FFFD}", $row) : $row;
}

/* What hosts.csv says of ours, by external id. */
function devices() {
	$devices = db_fetch_assoc_prepared('SELECT external_id, id, description, hostname, snmp_community, snmp_port, site_id, location, notes,
		snmp_version, snmp_username, snmp_password, snmp_auth_protocol, snmp_priv_passphrase, snmp_priv_protocol, snmp_context
		FROM host WHERE deleted = "" AND external_id LIKE ?', array(KEY . '%'));

	return array_column($devices, null, 'external_id');
}

/* What was done with the device. */
function save($host, $device, $template) {
	global $config;

	$wanted = array(
		'description'    => mb_substr($host['name'], 0, 150),
		'hostname'       => $host['address'],
		'snmp_community' => $host['community'],
		'snmp_port'      => $host['port'],
		'site_id'        => site($host['site']),
		'location'       => mb_substr($host['location'], 0, 40),
		'notes'          => $host['notes'],
	) + asked($host);
	if ($device !== null && !array_diff_assoc($wanted, $device)) {
		return 'unchanged';
	}
	$now = $device !== null ? $wanted + db_fetch_row_prepared('SELECT * FROM host WHERE id = ?', array($device['id'])) : $wanted + array(
		'id'                   => 0,
		'host_template_id'     => $template,
		'snmp_username'        => '',
		'snmp_password'        => '',
		'snmp_auth_protocol'   => '',
		'snmp_priv_passphrase' => '',
		'snmp_priv_protocol'   => '',
		'snmp_context'         => '',
		'snmp_engine_id'       => '',
		'snmp_timeout'         => read_config_option('snmp_timeout'),
		'disabled'             => '',
		/* Addresses of devices answer no ping. */
		'availability_method'  => AVAIL_SNMP,
		'ping_method'          => PING_UDP,
		'ping_port'            => read_config_option('ping_port'),
		'ping_timeout'         => read_config_option('ping_timeout'),
		'ping_retries'         => read_config_option('ping_retries'),
		'max_oids'             => read_config_option('max_get_size'),
		'device_threads'       => 1,
		'poller_id'            => $config['poller_id'],
		'external_id'          => $host['external'],
		'bulk_walk_size'       => 25,
	);
	/* Else one that was refused would stand in the way of all others. */
	unset($_SESSION['sess_error_fields'], $_SESSION['sess_messages']);
	$id = api_device_save($now['id'], $now['host_template_id'], $now['description'], $now['hostname'],
		$now['snmp_community'], $now['snmp_version'], $now['snmp_username'], $now['snmp_password'],
		$now['snmp_port'], $now['snmp_timeout'], $now['disabled'],
		$now['availability_method'], $now['ping_method'], $now['ping_port'], $now['ping_timeout'], $now['ping_retries'],
		$now['notes'], $now['snmp_auth_protocol'], $now['snmp_priv_passphrase'], $now['snmp_priv_protocol'],
		$now['snmp_context'], $now['snmp_engine_id'], $now['max_oids'], $now['device_threads'],
		$now['poller_id'], $now['site_id'], $now['external_id'], $now['location'], $now['bulk_walk_size']);
	if (!$id || is_error_message()) {
		fwrite(STDERR, "{$host['name']}: Cacti does not take it\n");
		return 'failed';
	}
	return $device === null ? 'added' : 'changed';
}

function lacks_pass_phrase($host) {
	return !empty($host['user']) && ((string) getenv('SNMP_AUTH_PASSPHRASE') == ''
		|| ($host['priv'] != '' && (string) getenv('SNMP_PRIV_PASSPHRASE') == ''));
}

/* The version, and who asks if that is a user. */
function asked($host) {
	if (empty($host['user'])) {
		return array('snmp_version' => 2);
	}
	return array(
		'snmp_version'         => 3,
		'snmp_username'        => $host['user'],
		'snmp_password'        => (string) getenv('SNMP_AUTH_PASSPHRASE'),
		'snmp_auth_protocol'   => $host['auth'],
		'snmp_priv_passphrase' => $host['priv'] == '' ? '' : (string) getenv('SNMP_PRIV_PASSPHRASE'),
		'snmp_priv_protocol'   => $host['priv'] == '' ? '[None]' : $host['priv'],
		'snmp_context'         => $host['context'],
	);
}

/* The id of a site, which has a branch in the tree; 0 of none. */
function site($name) {
	static $sites = array('' => 0);

	$name = mb_substr($name, 0, 100);
	if (!isset($sites[$name])) {
		$id           = db_fetch_cell_prepared('SELECT id FROM sites WHERE BINARY name = ?', array($name));
		$sites[$name] = $id ? $id : sql_save(array('id' => 0, 'name' => $name), 'sites');
		branch($sites[$name]);
	}
	return $sites[$name];
}

/* Cacti shows all devices of a site below its branch. api_tree_item_save() of 1.2.24 forgets the site. */
function branch($site) {
	$tree = tree();
	if (!db_fetch_cell_prepared('SELECT id FROM graph_tree_items WHERE graph_tree_id = ? AND site_id = ?', array($tree, $site))) {
		$id = sql_save(array('id' => 0, 'graph_tree_id' => $tree, 'title' => '', 'parent' => 0, 'site_id' => $site,
			'host_grouping_type' => HOST_GROUPING_GRAPH_TEMPLATE, 'sort_children_type' => TREE_ORDERING_NATURAL), 'graph_tree_items');
		api_tree_sort_branch($id, $tree);
	}
}

function tree() {
	static $id = null;

	if ($id === null) {
		$id = db_fetch_cell_prepared('SELECT id FROM graph_tree WHERE name = ?', array(TREE));
	}
	if (!$id) {
		$id = sql_save(array('id' => 0, 'name' => TREE, 'sort_type' => TREE_ORDERING_NATURAL), 'graph_tree');
		api_tree_sort_branch(0, $id);
	}
	return $id;
}

/* Automation rules by which Cacti makes the graphs of rows that it finds. One that is there already is left alone. */
function make_rules() {
	foreach (RULES as list($name, $query, $template, $field, $pattern)) {
		$graph = db_fetch_row_prepared('SELECT g.id, g.snmp_query_id FROM snmp_query_graph AS g
			INNER JOIN snmp_query AS q ON q.id = g.snmp_query_id WHERE q.name = ? AND g.name = ?', array($query, $name));
		if (!cacti_sizeof($graph) || db_fetch_cell_prepared('SELECT id FROM automation_graph_rules WHERE name = ?', array($name))) {
			continue;
		}
		$rule = sql_save(array('id' => 0, 'name' => $name, 'snmp_query_id' => $graph['snmp_query_id'],
			'graph_type_id' => $graph['id'], 'enabled' => 'on'), 'automation_graph_rules');
		sql_save(array('id' => 0, 'rule_id' => $rule, 'sequence' => 1, 'operation' => AUTOMATION_OPER_NULL,
			'field' => $field, 'operator' => AUTOMATION_OP_REGEXP, 'pattern' => $pattern), 'automation_graph_rule_items');
		sql_save(array('id' => 0, 'rule_id' => $rule, 'rule_type' => AUTOMATION_RULE_TYPE_GRAPH_MATCH, 'sequence' => 1,
			'operation' => AUTOMATION_OPER_NULL, 'field' => 'ht.name', 'operator' => AUTOMATION_OP_MATCHES,
			'pattern' => $template), 'automation_match_rule_items');
	}
}

/* A device that was silent when it was added has no rows; by now it may answer. */
function catch_up() {
	$rows = db_fetch_assoc_prepared('SELECT q.host_id, q.snmp_query_id FROM host_snmp_query AS q
		INNER JOIN host AS h ON h.id = q.host_id
		LEFT JOIN host_snmp_cache AS c ON c.host_id = q.host_id AND c.snmp_query_id = q.snmp_query_id
		WHERE h.deleted = "" AND h.status = ? AND h.external_id LIKE ? AND c.host_id IS NULL', array(HOST_UP, KEY . '%'));
	foreach ($rows as $row) {
		run_data_query($row['host_id'], $row['snmp_query_id']);
	}
}
