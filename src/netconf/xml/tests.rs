use super::*;

fn read(text: &str) -> Result<Element, XmlError> {
    Element::read(&mut Reader::new(text.as_bytes())?)
}

#[test]
fn names_text_and_namespaces() {
    let root = read(
        "\n<?xml version='1.0' encoding=\"utf-8\"?><!-- c --><a xmlns='urn:a' xmlns:b=\"urn:&amp;b\" c='1\n2&#10;' b:c = \"&lt;>\"\n>x\r\ny<b:d\txmlns:b='urn:c' />\
         &amp;&#x41;&#66;<![CDATA[<&]]]]><e xmlns=''><!-- --></e></a > <!-- end -->\n",
    )
    .unwrap();
    assert!(root.is("urn:a", "a"));
    assert_eq!(root.text, "x\ny&AB<&]]");
    let attributes: Vec<_> = root.attributes.iter().map(|a| (&*a.namespace, &*a.name, &*a.value)).collect();
    assert_eq!(attributes, [("", "c", "1 2\n"), ("urn:&b", "c", "<>")]);
    assert!(root.child("urn:c", "d").is_some() && root.child("", "e").is_some());
}

#[test]
fn what_says_nothing_is_passed_over() {
    for before in ["", "\n\n", "\u{feff}", "\u{feff}\n", "\r\n\u{feff}", "\t "] {
        for prolog in [
            "",
            "<?xml version='1.0'?>",
            "<?xml version='1.0' encoding='UTF-8'?>\n",
            "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\" ?>",
            "<?xml version='1.0'?>\n<!-- <a> --><?xml-stylesheet href='x'?><?pi?>\n",
        ] {
            let text = format!(
                "{before}{prolog}<a><!-- x --><?pi <b> ]]>?>1<?pi?>2<b/><?pi\n?></a><?pi?>\n<!-- -->"
            );
            let root = read(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!((&*root.text, root.children.len()), ("12", 1), "{text:?}");
        }
    }
}

#[test]
fn what_is_not_well_formed() {
    for text in [
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "<a/>&amp;",
        "<a/><![CDATA[]]>",
        "<a>&</a>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#x110000;</a>",
        "<a>&#+65;</a>",
        "<a>&#;</a>",
        "<a>]]></a>",
        "<a>\u{0}</a>",
        "<a>\u{1}</a>",
        "<a>\u{ffff}</a>",
        "<a b></a>",
        "<a b=c></a>",
        "<a b='1'c='2'/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a b='&'/>",
        "<a b='&x;'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<1/>",
        "<<a/>",
        "<a>&amp;&;</a>",
        "<a:/>",
        "<:a/>",
        "<a:b:c xmlns:a='u'/>",
        "<a$/>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:xml='u'/>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<??><a/>",
        "<? pi?><a/>",
        "<?1?><a/>",
        "<?a:b?><a/>",
        "<?XML x?><a/>",
        "<?pi><a/>",
        "<a><?xml version='1.0'?></a>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0' encoding='latin1'?><a/>",
        "<!-- --><?xml version='1.0'?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' x='y'?><a/>",
        "<a><!-- -- --></a>",
        "<a",
        "<a><![CDATA[</a>",
        "<a><!-- </a>",
    ] {
        assert!(matches!(read(text), Err(XmlError::Malformed { .. })), "{text:?} is {:?}", read(text));
    }
    let latin1: Result<_, _> = Reader::new(b"<a>\xe4</a>").map(|_| ());
    assert!(matches!(latin1, Err(XmlError::Malformed { at: 3, .. })));
}

#[test]
fn all_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    let attributes = |count: usize, what: &str| {
        let all: String = (0..count).map(|n| format!(" {what}{n}='u'")).collect();
        format!("<a{all}><b{all}><c{all}/></b></a>")
    };
    assert!(read(&attributes(MAX_ATTRIBUTES, "a")).is_ok());
    for text in [
        nested(MAX_DEPTH + 1),
        attributes(MAX_ATTRIBUTES + 1, "a"),
        attributes(MAX_ATTRIBUTES, "xmlns:a"),
        format!("<{}/>", "a".repeat(MAX_NAME + 1)),
        format!("<a b='{}'/>", "x".repeat(MAX_TAG)),
    ] {
        assert!(matches!(read(&text), Err(XmlError::TooBig { .. })), "{:.40}", text);
    }
}

#[test]
fn a_fragment_stands_on_its_own() {
    let text = "<a xmlns='urn:a' xmlns:p='urn:p' xmlns:q='urn:&quot;'><x xmlns=''><p:config xmlns:p='urn:r' z='1'>\
                <b q:c='2'>&amp;</b></p:config><p:empty/></x></a>";
    let mut reader = Reader::new(text.as_bytes()).unwrap();
    let mut fragments = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        if let Event::Start(tag) = event
            && tag.prefix == "p"
        {
            fragments.push(reader.fragment(&tag).unwrap());
        }
    }
    assert_eq!(
        fragments[0].as_str(),
        "<p:config xmlns:q=\"urn:&quot;\" xmlns:p='urn:r' z='1'><b q:c='2'>&amp;</b></p:config>"
    );
    let tree = fragments[0].tree().unwrap();
    assert!(tree.is("urn:r", "config"));
    assert_eq!(tree.children[0].attributes[0].namespace, "urn:\"");
    assert_eq!(fragments[1].as_str(), "<p:empty xmlns:p=\"urn:p\" xmlns:q=\"urn:&quot;\"/>");
}

#[test]
fn what_is_escaped_reads_back() {
    let all = "a&b<c>d\"e'f\tg\nh\r\u{1F980}]]>";
    let (mut text, mut value) = (String::new(), String::new());
    escape(all, &mut text);
    escape_attribute(all, &mut value);
    let root = read(&format!("<a b=\"{value}\">{text}</a>")).unwrap();
    assert_eq!((&*root.text, &*root.attributes[0].value), (all, all));
}

#[test]
fn what_is_written_is_well_formed_whatever_devices_say() {
    let said = "a\u{0}\u{b}\u{1f}<&>\"\r\n\t\u{fffe}\u{ffff}\u{fdd0}\u{1fffe}\u{10ffff}\u{fffd}\u{f000}é漢😀";
    let bad = "\u{fffd}";
    let mut text = String::new();
    escape(said, &mut text);
    let [three, five] = [3, 5].map(|count| bad.repeat(count));
    assert_eq!(text, format!("a{three}&lt;&amp;&gt;&quot;&#13;\n\t{five}{bad}\u{f000}é漢😀"));
    let mut attribute = String::new();
    escape_attribute(said, &mut attribute);
    assert_eq!(attribute, format!("a{three}&lt;&amp;&gt;&quot;&#13;&#10;&#9;{five}{bad}\u{f000}é漢😀"));
}
