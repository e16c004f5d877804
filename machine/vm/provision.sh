#!/bin/bash
# Set up the Vagrant machine, once: Debian packages, the environment, the base image, JupyterLab as a service.
#
# Run by `vagrant up` as root, with the checkout under /vagrant. Idempotent: `vagrant provision` runs it again.
# The token is made here, one per machine; only root reads it. See systemd.service(5).

set -euo pipefail

checkout=${BYHAND_CHECKOUT:-/vagrant}
settings=/etc/byhand
export BYHAND_VENV=/opt/byhand/venv

main() {
    bash "$checkout/machine/provision.sh" lab vm
    make_token
    write_jupyter_settings
    write_commands
    install -m 644 "$checkout/machine/vm/byhand-lab.service" /etc/systemd/system/byhand-lab.service
    systemctl daemon-reload
    systemctl enable --quiet byhand-lab.service
}

make_token() {
    install -d -m 755 "$settings"
    [ ! -s "$settings/token" ] || return 0
    (umask 077 && /usr/bin/python3 -c 'import secrets; print(secrets.token_hex(24))' >"$settings/token")
}

# In a file and not on the command line, where every user would see the token.
write_jupyter_settings() {
    (umask 077 && cat >"$settings/jupyter.json") <<END
{
    "IdentityProvider": { "token": "$(cat "$settings/token")" },
    "ServerApp": {
        "ip": "0.0.0.0",
        "port": 8888,
        "port_retries": 0,
        "open_browser": false,
        "allow_root": true,
        "root_dir": "$checkout",
        "default_url": "/lab/tree/notebooks"
    }
}
END
}

# `vagrant ssh` finds the command, and so does sudo; `make` in a login shell finds the environment.
write_commands() {
    ln -sfn "$BYHAND_VENV/bin/byhand" /usr/local/bin/byhand
    echo "export BYHAND_VENV=$BYHAND_VENV" >/etc/profile.d/byhand.sh
}

main "$@"
