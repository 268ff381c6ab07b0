//! What the server works out of answers, in JavaScript.

/// `text(answer)`: Zabbix has a text that is not of ASCII as hexadecimal octets, as it knows no MIB files. What is none of
/// these stays as it is.
const TEXT: &str = r"
function text(answer) {
    if (!/^([0-9A-F]{2}\s+)+([0-9A-F]{2})?$/.test(answer)) return answer;
    var octets = answer.trim().split(/\s+/);
    if (octets.every(function (octet) { return octet >= '20' && octet < '7F'; })) return answer;
    try {
        return decodeURIComponent(octets.map(function (octet) { return '%' + octet; }).join(''));
    } catch (none) {
        return answer;
    }
}
";

/// Begins with [`TEXT`].
pub fn with_text(script: &str) -> String {
    format!("{}{script}", TEXT.trim_start())
}

/// Of a text by itself.
pub fn text() -> String {
    with_text("return text(value);")
}
