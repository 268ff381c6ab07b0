"""Users of SNMPv3: in the boot file, and as net-snmp's tools name them."""

import os

# As the boot file has them, and as net-snmp does.
AUTH = {"md5": "MD5", "sha-1": "SHA", "sha-224": "SHA-224", "sha-256": "SHA-256", "sha-384": "SHA-384", "sha-512": "SHA-512"}
PRIV = {
    None: None,
    "des": "DES",
    "aes-128": "AES",
    "aes-192": "AES-192",
    "aes-256": "AES-256",
    "aes-192-c": "AES-192-C",
    "aes-256-c": "AES-256-C",
}


def user(name, auth, priv, role="read"):
    """A [[user]] of the boot file; the passwords lie beside it."""
    private = f', priv = "{priv}", priv-password-file = "priv"' if priv else ""
    return f'[[user]]\nname = "{name}"\nrole = "{role}"\nsnmp = {{ auth = "{auth}", auth-password-file = "auth"{private} }}\n'


def options(name, auth, priv, level=None, auth_password="authpassword", priv_password="privpassword"):
    """Those of net-snmp's tools."""
    words = ["-u", name]
    level = level or ("authPriv" if priv else "authNoPriv")
    if level != "noAuthNoPriv":
        words += ["-a", AUTH[auth], "-A", auth_password]
    if level == "authPriv":
        words += ["-x", PRIV[priv], "-X", priv_password]
    return ["-l", level, *words]


def receiver(name, auth, priv, engine=None, auth_password="authpassword", priv_password="privpassword"):
    """Lines of snmptrapd.conf. `engine`: of traps; without it a user of informs."""
    words = [f"-e 0x{engine}"] if engine else []
    words += [name, AUTH[auth], auth_password] + ([PRIV[priv], priv_password] if priv else [])
    return f"createUser {' '.join(words)}\nauthUser log {name} {'priv' if priv else 'auth'}\n"


def passwords(case):
    """The folder of a bridge, with the files that `user` names."""
    folder = os.path.join(case.folder, "bridge")
    os.makedirs(folder, exist_ok=True)
    for name in ("auth", "priv"):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{name}password\n")
        os.chmod(path, 0o600)
    return folder


ADMIN = user("root", "sha-512", "aes-256", role="administer")
AS_ADMIN = options("root", "sha-512", "aes-256")
