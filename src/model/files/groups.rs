//! Recognizes private groups, which have one user as their only member.
//!
//! Many systems give each user a private group, so its mode bits apply only to that user.

/// Is user `uid` the only member of group `gid`, according to the texts of `/etc/passwd` and `/etc/group`? A user that
/// is not in these files, for example from a directory service, is accepted if both numbers are equal. The group of
/// root counts as private.
pub(super) fn is_private(gid: u32, uid: u32, passwd: &str, group: &str) -> bool {
    if gid == 0 {
        return true;
    }
    // name:password:uid:gid:…
    let users = records(passwd).filter_map(|it| Some((*it.first()?, number(&it, 2)?, number(&it, 3)?)));
    let Some((name, _, primary)) = users.clone().find(|(_, id, _)| *id == uid) else { return gid == uid };
    // name:password:gid:member,member
    let entry = records(group).find(|it| number(it, 2) == Some(gid));
    let has_its_name = entry.as_ref().is_some_and(|it| it[0] == name);
    let members = entry.as_ref().and_then(|it| it.get(3).copied()).unwrap_or_default();
    primary == gid
        && (gid == uid || has_its_name)
        && members.split(',').all(|member| member.is_empty() || member == name)
        && users.clone().all(|(_, id, primary)| primary != gid || id == uid)
}

fn records(text: &str) -> impl Iterator<Item = Vec<&str>> + Clone {
    text.lines().map(|line| line.trim().split(':').collect())
}

fn number(record: &[&str], index: usize) -> Option<u32> {
    record.get(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_private_if_it_has_one_member() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# a comment\nana:x:1000:1001::/home/ana:/bin/sh\n\
                      ben:x:1001:100::/home/ben:/bin/sh\ncat:x:1002:100::/home/cat:/bin/sh\n\
                      dan:x:1003:1003::/home/dan:/bin/sh\neve:x:1004:1003::/home/eve:/bin/sh\n\
                      fay:x:1005:1005::/home/fay:/bin/sh\ngus:x:1006:1006::/home/gus:/bin/sh\n";
        let group = "root:x:0:\nana:x:1001:\nusers:x:100:\ndan:x:1003:\nfay:x:1005:fay,ben\ngus:x:1006:gus\nops:x:2000:ana\n";
        let check = |gid, uid, expected| {
            assert_eq!(is_private(gid, uid, passwd, group), expected, "group {gid} of user {uid}");
        };
        check(0, 1000, true);
        check(1001, 1000, true);
        check(2000, 1000, false); // One member, but not the user's own group.
        check(100, 1001, false); // Shared by all users.
        check(1003, 1003, false); // Also the primary group of another user.
        check(1005, 1005, false); // Has another member.
        check(1006, 1006, true);
        check(1001, 1001, false); // The number of the user, but another user's group.
        check(5000, 5000, true); // Known only to a directory service.
        check(5001, 5000, false);
    }
}
