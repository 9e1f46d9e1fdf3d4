"""Findings and refusals in Chinese: by rule or code, what is wrong and what to do.

A sentence that ends with a colon is followed by the English message, which names what differs from row to row.
"""

_NAME = "请填写 2 至 12 个英文字母或汉字，中间不含空格或符号。"
_OPTIONAL = "请使用中国大陆手机号，或留空：手机号为选填。"
_TEXT = "请将该列设为文本格式，然后重新输入。"
_CELL = "请在表格中改正该单元格，然后再次运行。"
_NONE = ""

RULES: dict[str, tuple[str, str]] = {
    "missing-value": ("必填单元格为空。", "请填写；若该行不是联系人，请删除该行。"),
    "name-letters": ("姓名中含有英文字母和汉字以外的字符。", _NAME),
    "name-lookalike": ("姓名中含有形似英文字母的其他字符。", "请用英文键盘重新输入，或采用建议值。"),
    "name-english": (
        "姓名中含有汉字，而当前设置不允许。",
        "请用英文字母书写姓名，或设置 chinese_names = true。",
    ),
    "name-short": ("姓名过短，至少需要 2 个字。", _NAME),
    "name-long": ("姓名过长，最多 12 个字。", _NAME),
    "email-syntax": (
        "这不是有效的邮箱地址：",
        "请只填一个地址，如 someone@example.com，不加姓名、引号或括号。",
    ),
    "email-long": ("邮箱地址过长。", "请使用同一人的较短地址。"),
    "phone-number": (
        "这不是中国大陆手机号：",
        "请写成 86-13900001234 的形式，或留空：手机号为选填。",
    ),
    "phone-country": ("国家代码不是 86，目录不接受其他代码。", _OPTIONAL),
    "phone-rounded": ("号码已被表格软件舍入，末尾数字丢失。", _TEXT),
    "title-unknown": (
        "目录没有这样的职位。",
        "请填写 FinanceDirector、TechnicalDirector、MaintenanceDirector、CEO、ProjectDirector 或 Other。",
    ),
    "directory-unknown": (
        "没有这个名称的目录配置：",
        "请填写 importer.toml 中的配置名称，或留空以使用命令所指定的目录。",
    ),
    "message-type-unknown": (
        "目录没有这样的消息类型：",
        "请填写 ServiceMessage、FaultMessage 等六种消息类型中的一项或多项，用分号隔开。",
    ),
    "tick-unknown": ("单元格既不是勾选也不是空白。", "需要此类消息则填 x，否则留空。"),
    "no-tick": ("没有勾选任何消息类型。", "请在此人接收的每类消息下填 x。"),
    "name-clash": (
        "文件中另有同名联系人：",
        "请改其中一个姓名；或对整个文件选择：--on-clash suffix 追加一个字母，--on-clash first 只保留第一个。",
    ),
    "name-taken": ("该姓名已属于另一联系人：", "请改用其他姓名；--on-clash suffix 会追加一个字母。"),
    "encoding-doubtful": (
        "推测的编码读出的姓名不像姓名：",
        "请用 --encoding 指明正确的编码（gb18030、big5、shift_jis 等）；若姓名无误，请指明推测的编码。",
    ),
    "file-refused": (
        "该行本身无误，但文件整体有警告，而警告按错误处理。",
        "请改正文件的问题，或去掉 --strict。",
    ),
    "email-domain": (
        "域名像是拼写错误：",
        "如果确实有误请改正：发往错误地址的验证邮件会丢失，并占用当天额度。",
    ),
    "email-lookalike": ("域名中含有形似英文字母的其他字符：", "请用英文键盘重新输入地址，除非域名确实如此。"),
    "email-undeliverable": ("邮件无法送达：", "请改正地址：发往该地址的验证邮件会丢失，并占用当天额度。"),
    "email-shared": ("另一联系人使用相同的地址：", "两者都会被添加；如非本意，请改正其中一个。"),
    "priority-number": ("优先级不是整数，按 0 处理。", "请填写整数，或留空。"),
    "changed-contact": ("已有的联系人与文件不同：", "联系人保持原样；sync 命令会更改它。"),
    "apostrophe-escaped": ("已去掉前面的撇号。", _NONE),
    "invisible-characters": ("已去掉不可见字符。", _NONE),
    "full-width": ("全角或其他特殊字符已按普通字符读取。", _NONE),
    "surrounding-blanks": ("已去掉两端的空白。", _NONE),
    "name-fixed": ("姓名已按规则调整：", _NONE),
    "domain-unasked": ("未能查到该域名的情况：", _NONE),
    "value-spelling": ("已按目录的写法读取：", _NONE),
    "chinese-label": ("已按目录的写法读取：", _NONE),
    "repeated-type": ("同一消息类型写了多次，只计一次。", _NONE),
    "phone-format": ("号码已读取为：", _NONE),
    "duplicate-row": ("该行与前面的行相同，已略去：", _NONE),
    "clash-dropped": ("已略去该行：", _NONE),
    "name-suffixed": ("同名联系人已追加字母：", _NONE),
    "ragged-row": ("该行的字段数与表头不同：", "请检查该行的分隔符和引号。"),
    "totals-row": ("合计行不是联系人。", "请删除该行。"),
    "second-table": ("工作表中有第二个表格。", "请把它移到另一个文件。"),
    "error-cell": ("单元格是公式错误：", "请改正公式，或填写数值。"),
    "formula-without-value": ("公式在保存前未计算。", "请在表格软件中打开并保存文件。"),
    "date-cell": ("文本单元格中是日期：", _TEXT),
    "boolean-cell": ("文本单元格中是 TRUE 或 FALSE：", _TEXT),
    "long-number": ("16 位及以上的数字已丢失精度：", _TEXT),
    "merged-cells": ("单元格被合并，只有第一行有值：", "请取消合并，并填写每一行。"),
    "header-near-miss": ("表头与已知的表头相近：", "请改正表头，或用 --map 指明。"),
}

CODES: dict[str, tuple[str, str]] = {
    "InvalidParameter.Name.Length": ("目录认为姓名长度不符。", _NAME),
    "InvalidParameter.Name.AlreadyUsed": ("目录中已有同名联系人。", "请改用其他姓名。"),
    "InvalidParameter.Name": ("目录不接受该姓名。", _NAME),
    "InvalidParameter.EmailAddress.Length": ("目录认为邮箱地址过长。", _CELL),
    "InvalidParameter.EmailAddress": ("目录不接受该邮箱地址。", _CELL),
    "InvalidParameter.PhoneNumber": ("目录不接受该手机号。", _CELL),
    "InvalidParameter.MobileCountryCode": ("目录不支持该国家代码。", _OPTIONAL),
    "InvalidParameter.Title": ("目录不接受该职位。", _CELL),
    "InvalidParameter.MessageTypes": ("目录不接受这些消息类型。", _CELL),
    "InvalidParameter": ("目录不接受该行的某个值。", _CELL),
    "MissingParameter": ("目录认为缺少某个值。", _CELL),
    "InvalidMember": ("成员无效。", _NONE),
    "LimitExceeded": ("目录因限额不接受该行。", _NONE),
    "QuotaExceeded": ("目录因限额不接受该行。", _NONE),
    "EntityNotExists": ("目录中没有该联系人或验证。", _NONE),
    "ContactStatusMismatchAction": ("联系人的状态不允许此操作。", _NONE),
    "UnsendableText": ("该值含有无法编码的文本。", _CELL),
    "BadRequest": ("服务器拒绝了调用，未说明原因。", _NONE),
    "NameTaken": ("目录中已有同名联系人，但内容不同：", "请改用其他姓名。"),
    "Deleting": ("同名联系人正在删除。", "请稍后再次运行同一命令。"),
    "SignatureNonceUsed": ("该请求可能已执行过一次。", _NONE),
    "InternalError": ("服务出错，结果未知。", _NONE),
    "ServiceUnavailable": ("服务不可用，结果未知。", _NONE),
    "Timeout": ("未及时收到完整应答。", _NONE),
    "Disconnected": ("应答完整之前连接已断开。", _NONE),
    "BadResponse": ("应答不是服务应有的内容。", _NONE),
    "ResponseTooLarge": ("应答过大，不是服务应有的内容。", _NONE),
    "ServerError": ("服务器出错，未说明原因。", _NONE),
    "Interrupted": ("程序在记下应答之前中断。", _NONE),
}


def told(rule: str, english: str) -> tuple[str, str]:
    """What is wrong and what to do, for a rule's id or a code; the English message where nothing else is known."""
    message, hint = RULES.get(rule) or _code(rule) or (english, _NONE)
    return (f"{message}{english}" if message.endswith("：") else message), hint


def _code(code: str) -> tuple[str, str] | None:
    """Of a code, or of the longest beginning of it that is known."""
    while code not in CODES and "." in code:
        code = code.rpartition(".")[0]
    return CODES.get(code)
